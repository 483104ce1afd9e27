% made here
goods 3
bids 3
dummy 1
0	10	0	1	3	#
1	12	2	3	#
2	7	1	#

extension Draft {
  /// Vickrey–Clarke–Groves: each company pays the reserve cost of what it wins, plus the best welfare without its
  /// bids, less the welfare all others get now.
  mutating func payVCG() {
    let companies = winners
    var own: [Int: Int64] = [:]
    for award in awards { own[instance.company(ofBid: award.bid), default: 0] += award.net }
    let instance = self.instance
    let counterfactuals = parallelMap(companies.count) { index in
      var other = Solver(Book(instance, without: companies[index]), work: Work(ticks: 0))
      other.run()
      return (welfare: other.welfare, bound: other.bound)
    }
    for (company, other) in zip(companies, counterfactuals) {
      let net = own[company]!
      let rest = solver.welfare - net
      let low = min(max(other.welfare - rest, 0), net)
      let high = min(max(other.bound - rest, low), net)
      charge(company, low: low, high: high, exact: low == high && solver.welfare == solver.bound)
    }
  }

  /// Records what a company pays above reserve, and splits it over its awards.
  mutating func charge(_ company: Int, low: Int64, high: Int64, exact: Bool) {
    let mine = awards.indices.filter { instance.company(ofBid: awards[$0].bid) == company }
    let cost = mine.reduce(Int64(0)) { $0 + awards[$1].reserveCost }
    let parts = split(low, inProportionTo: mine.map { awards[$0].net })
    for (index, part) in zip(mine, parts) { awards[index].payment = awards[index].reserveCost + part }
    payments.append(
      CompanyPayment(
        company: instance.companyName(company), payment: cost + low, low: cost + low, high: cost + high, exact: exact))
  }
}

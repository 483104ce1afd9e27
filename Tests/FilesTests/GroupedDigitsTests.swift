import Files
import Testing

@Suite("Grouped digits")
struct GroupedDigitsTests {
  @Test(
    arguments: [
      ("0", "0"), ("999", "999"), ("1000", "1,000"), ("-123", "-123"), ("-1234567", "-1,234,567"),
      ("1234567.8901", "1,234,567.8901"), ("12.50", "12.50"), ("-1000.5", "-1,000.5"),
    ] as [(String, String)])
  func commasStandBetweenThousands(number: String, said: String) {
    #expect(grouped(number) == said)
  }
}

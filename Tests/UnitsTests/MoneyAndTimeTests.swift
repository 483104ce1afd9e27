import Testing
import Units

@Suite struct MoneyTests {
  @Test(arguments: [("0", 0), ("2.40", 2_400_000), ("-0.5", -500_000), ("1234.567891", 1_234_567_891)])
  func readsDollarsExactly(text: String, micros: Int64) throws {
    #expect(try Money(dollars: text).microdollars == micros)
  }

  @Test(arguments: ["", "-", ".5", "5.", "1e3", "1,000", "0.0000001", "9223372036855", "２"])
  func refusesWhatIsNotAnAmount(text: String) {
    #expect(throws: UnitError.self) { try Money(dollars: text) }
  }

  @Test func textRoundTrips() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let money = Money(microdollars: Int64.random(in: -(1 << 60)...(1 << 60), using: &generator))
      #expect(try Money(dollars: money.dollars) == money)
    }
  }

  @Test func centsRoundDown() {
    #expect(Money(microdollars: 19_999).centsRoundedDown == 1)
    #expect(Money(microdollars: -1).centsRoundedDown == -1)
  }

  @Test func priceFinerThanTheTickSaysSo() {
    #expect {
      try Price(dollarsPerGPUHour: "2.40005")
    } throws: {
      "\($0)".contains("finer than the tick of 0.0001")
    }
  }

  @Test(arguments: SlotLength.allCases)
  func aSlotCostsWholeMicrodollars(length: SlotLength) throws {
    let price = try Price(dollarsPerGPUHour: "2.3457")
    #expect(price.microdollarsPerGPUSlot(length) * Int64(60 / length.minutes) == price.microdollarsPerGPUHour)
  }
}

@Suite struct TimeTests {
  @Test func readsAnyZoneAndShowsUTC() throws {
    #expect(try Instant(iso8601: "2026-12-07T01:30:15.25+01:30").iso8601 == "2026-12-07T00:00:15.25Z")
    #expect(try Instant(iso8601: "2026-12-07T00:00Z").seconds == 1_796_601_600)
  }

  @Test(arguments: [
    "2026-12-07T00:00", "2026-02-29T00:00Z", "2026-13-01T00:00Z", "2026-12-07T24:00Z", "2026-12-07 00:00Z",
    "2026-12-07T00:00Zx", "now", "", "2026-12-07", "2026-12-07T00:00+1",
  ])
  func refusesWhatIsNotATime(text: String) {
    #expect(throws: UnitError.self) { try Instant(iso8601: text) }
  }

  @Test func textRoundTrips() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let instant = Instant(microseconds: Int64.random(in: 0..<253_402_300_800_000_000, using: &generator))
      #expect(try Instant(iso8601: instant.iso8601) == instant)
      let span = TimeSpan(seconds: Int64.random(in: 1..<864_000_000, using: &generator))
      #expect(try TimeSpan(iso8601: span.iso8601) == span)
    }
  }

  @Test(arguments: ["P", "PT", "7D", "P7", "P1M", "P1DT", "PT1M1H", "P0D", "P-1D", "P99999999D"])
  func refusesWhatIsNotADuration(text: String) {
    #expect(throws: UnitError.self) { try TimeSpan(iso8601: text) }
  }

  @Test func periodsAreHalfOpen() throws {
    let week = try TimeRange(iso8601: "2026-12-07T00:00Z/P7D")
    #expect(week.description == "2026-12-07T00:00Z/2026-12-14T00:00Z")
    #expect(!week.overlaps(try TimeRange(start: week.end, end: week.end + TimeSpan(hours: 1))))
    #expect(throws: UnitError.self) { try TimeRange(iso8601: "2026-12-07T00:00Z/2026-12-07T00:00Z") }
  }

  @Test func hoursBecomeSlots() throws {
    #expect(try SlotLength.quarterHour.slots(hours: "1.25") == 5)
    #expect(throws: UnitError.self) { try SlotLength.hour.slots(hours: "1.5") }
    #expect(SlotLength.quarterHour.hours(slots: 5) == "1.25")
    #expect(SlotLength.quarterHour.hours(slots: -1) == "-0.25")
    #expect(SlotLength.halfHour.hours(slots: 7) == "3.5")
    #expect(SlotLength.hour.hours(slots: .max) == "9223372036854775807")
    #expect(SlotLength.quarterHour.hours(slots: .min) == "-2305843009213693952")
    #expect(try SlotLength.hour.count(in: TimeRange(iso8601: "2026-12-07T00:00Z/P7D")) == 168)
  }
}

extension Draft {
  /// First price: each award costs its bid.
  mutating func payAsBid() {
    rule = .payAsBid
    var total: [Int: Int64] = [:]
    for index in awards.indices {
      awards[index].payment = awards[index].value
      total[instance.company(ofBid: awards[index].bid), default: 0] += awards[index].value
    }
    payments = winners.map { company in
      let paid = total[company] ?? 0
      return CompanyPayment(
        company: instance.companyName(company), payment: paid, low: paid, high: paid, exact: true)
    }
  }
}

import Files
import Postgres
import Units

/// A company that takes part, as the operator sees it. What it bids is not here.
public struct Company: Sendable {
  /// Unique in the market: 1 to 63 letters, digits, spaces and `.`, `_`, `/`, `-`, the first a letter or digit.
  public let name: String
  /// Its login on the server: opaque, since every role can list roles.
  public let login: String
  /// The most that a new bid may take its exposure to: 0 to 10¹² USD.
  public let credit: Money
  /// The most GPUs it may hold in any slot, by pool; no entry means no cap.
  public let caps: [(pool: String, gpus: Int)]
  /// Whether its access has ended; bids that were open then stand.
  public let revoked: Bool
}

/// What a company needs to log in, shown once.
public struct Credential: Sendable {
  /// `c_` and 16 hexadecimal digits: the role that it logs in as.
  public let login: String
  /// The server has only its SCRAM verifier, so nobody can show it again. Nil where it is known to the company alone.
  public let password: String?

  /// What was made, to be shown.
  public init(login: String, password: String?) {
    self.login = login
    self.password = password
  }
}

/// What a company may spend and what is committed.
public struct Account: Sendable {
  /// The company's name.
  public let company: String
  /// The most that a new bid may take `exposure` to.
  public let credit: Money
  /// Open bids at their limits, and what is owed.
  public let exposure: Money
  /// Charges less payments and deposit, whole cents, never below zero.
  public let owed: Money
  /// The most GPUs it may hold in any slot, by pool; no entry means no cap.
  public let caps: [(pool: String, gpus: Int)]
}

/// The companies of the market; operator only, but for what a company does with its own account and login.
public enum Companies {
  /// Adds a company and makes its login, with a random password that is stored nowhere.
  ///
  /// - Parameter verifier: of a password that the company made itself (`NewPassword`); nil makes a random password.
  /// - Throws: `GM400` if the verifier is none, `GM409` if the name is taken, `GM422` if name or credit is not allowed.
  public static func add(
    _ connection: inout Connection, name: String, credit: Money, verifier: String? = nil
  ) throws(PostgresError) -> Credential {
    let made = try NewPassword()
    let login: String = try connection.query(
      "SELECT market.add_company(\(name), \(credit.microdollars)::bigint, \(verifier ?? made.verifier)) AS login"
    ).one().get("login")
    return Credential(login: login, password: verifier == nil ? made.text : nil)
  }

  /// All companies by name.
  public static func list(_ connection: inout Connection) throws(PostgresError) -> [Company] {
    var companies: [Company] = []
    for row in try connection.query("SELECT * FROM market.companies()") {
      companies.append(
        Company(
          name: try row.get("company"), login: try row.get("login_role"), credit: try row.money("credit_limit"),
          caps: try caps(fromJSON: row.get("caps")), revoked: try row.get("revoked")))
    }
    return companies
  }

  private static func caps(fromJSON text: String) throws(PostgresError) -> [(pool: String, gpus: Int)] {
    do {
      let members = try JSONReader.parse(Array(text.utf8), source: "caps").members()
      return try members.map { ($0.key, Int(try $0.value.integer())) }.sorted { $0.0 < $1.0 }
    } catch {
      throw PostgresError(.decoding, "\(error)")
    }
  }

  /// Sets the credit that a new bid may take the exposure to; bids that are open stand.
  public static func setCredit(
    _ connection: inout Connection, company: String, to credit: Money
  ) throws(PostgresError) {
    _ = try connection.query("SELECT market.set_credit(\(company), \(credit.microdollars)::bigint)")
  }

  /// Caps what a company may hold of a pool in any slot; nil lifts the cap.
  public static func setCap(
    _ connection: inout Connection, company: String, pool: String, gpus: Int?
  ) throws(PostgresError) {
    _ = try connection.query("SELECT market.set_cap(\(company), \(pool), \(gpus)::integer)")
  }

  /// The account of the company that this connection logs in as.
  public static func account(_ connection: inout Connection) throws(PostgresError) -> Account {
    let row = try connection.query("SELECT * FROM market.my_account()").one()
    return Account(
      company: try row.get("company"), credit: try row.money("credit_limit"), exposure: try row.money("exposure"),
      owed: try row.money("owed"), caps: try caps(fromJSON: row.get("caps")))
  }
}

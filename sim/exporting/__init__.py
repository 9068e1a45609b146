"""The runs of studies as tables that other programs read: CSV, or Parquet."""

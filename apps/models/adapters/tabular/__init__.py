"""Files of rows: CSV, JSON lines and Parquet, read one row at a time however large the file is."""

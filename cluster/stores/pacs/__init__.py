"""What the archive and the sink of a PACS share: its address, requests, searches and formats."""

"""Where bytes lie: archives that are read (folders, buckets), and single files by their URI."""

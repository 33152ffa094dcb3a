-- towpath: expand because older releases ignore the new column
ALTER TABLE entries ADD COLUMN mood TEXT; -- calm, merry, weary or soaked; nobody has to say

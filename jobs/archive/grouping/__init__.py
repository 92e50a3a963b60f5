"""Which files form one CT, and what it is called."""

"""Request logs to accounts, template families and campaigns. One file a signal."""

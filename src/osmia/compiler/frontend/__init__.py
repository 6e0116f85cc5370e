"""From Python source and live objects to typed IR. Every construct is translated rightly or refused where it stands."""

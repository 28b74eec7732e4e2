"""What runs in the confined child: it alone parses what a stranger sent."""

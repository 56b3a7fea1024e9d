"""Stories beside a protocol: written, played, judged, counted, and told again from finished cases."""

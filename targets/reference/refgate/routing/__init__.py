"""Which provider a request goes to first: by weights, by who asks, and by flags that change while the gateway runs."""

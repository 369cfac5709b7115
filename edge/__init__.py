"""The camera box: trigger, capture, spool, upload. It knows the gateway by its HTTP contract alone."""

//! Live fan-out: who follows which feed, and a bounded outbox for each connection.

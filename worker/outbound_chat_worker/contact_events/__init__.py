"""Contact events that come through an SQS queue."""

"""Posts webhooks to the URLs that callers named, when their jobs and batches end.

Not for deciding which webhooks there are: the script that ends a job stores them. The one idea: a courier, a Celery
task of its own beside the pumps, claims webhooks, posts each in a thread, and records the result; what it was posting
when it was killed is posted again, under the same id.
"""

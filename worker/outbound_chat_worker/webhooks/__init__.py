"""Posts webhooks to the callers' URLs when their jobs and batches end.

The script that ends a job decides which webhooks there are, and stores them. The main idea: a courier, a Celery task of
its own, claims webhooks, posts each in a thread, and records the result. If it is killed, its current
webhooks are posted again, with the same ids.
"""

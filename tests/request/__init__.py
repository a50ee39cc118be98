"""Tests of the request of a job."""

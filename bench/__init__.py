"""The benchmark: the portal under load beside a bare program that sends the same SQL; writes docs/performance.md."""

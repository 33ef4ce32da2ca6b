def urls(site): return []

"""Is this brief good enough to act on, and what exactly is the plan?"""

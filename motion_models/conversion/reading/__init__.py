"""Their nodes as rules read them: checked values, links, strengths and schedules."""

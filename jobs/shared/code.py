"""Our packages, which a cluster gets when a run is not a job of it."""

import cluster
import jobs
import segment_actor
import stats

CODE = (cluster, jobs, segment_actor, stats)

#pragma once
#include <string>
#include <vector>

#include "engine/core/run_paths.h"
#include "launcher/follow/change_watcher.h"
#include "launcher/follow/merged_logs.h"
#include "launcher/follow/run_jobs.h"
#include "launcher/rundir/record.h"
#include "launcher/scheduler/job_history.h"

namespace llmrun {

/// Which lines of a run, and from when on.
struct FollowRequest {
  RunPaths paths;
  std::string ranks;    // "0,8-11", "all"; empty with empty `hosts`: the combined log
  std::string hosts;    // shell patterns; with `ranks`: those of both
  LogStart start;       // in the first attempt that is followed; later ones are read whole
  int newer_than = -1;  // only attempts above this one; -1: the newest that there is and what comes, or from start.since on
};

/// Who is told. Calls come in the order in which things happened.
class FollowView {
 public:
  virtual ~FollowView() = default;
  /// `ranks`: which one each file of line() is; empty: the combined log is the only one.
  virtual void attempt_begins(const Attempt& attempt, const std::vector<int64_t>& ranks) = 0;
  virtual void line(size_t file, const LogLine& line) = 0;
  /// Every line so far was told: time to show them.
  virtual void look_ends() = 0;
  virtual void attempt_ended(const Attempt& attempt) = 0;  // with its exit code
  /// No further job follows the attempt that ended, for this reason; its exit code is the run's.
  virtual void chain_ended(const ChainStop& stop) = 0;
  /// The run's next job does not speak yet. Told again every second or so while that lasts.
  virtual void waits(const JobNews& news, const std::string& trouble) = 0;
  /// A job that never came to start an attempt; the last word.
  virtual void job_ended(const JobNews& news) = 0;
  /// True once nobody wants to know any more: following ends at once.
  virtual bool gone() = 0;
  /// A descriptor that is watched for its reader's going away; -1: none.
  virtual int reader() const { return -1; }
};

/// Follows a run attempt after attempt, as long as one runs or a job that may start the next is queued. The exit code that the run ended
/// with, its chain's where that says another (93), its job's where no attempt was begun; 0 where the view is gone. Throws
/// Error(Exit::usage) for a run that was never started and that no job will start, and for ranks or hosts that it has not.
int follow_run(const FollowRequest& request, RunJobs& jobs, FollowView& view);

}  // namespace llmrun

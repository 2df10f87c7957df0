#pragma once
#include <ctime>
#include <optional>
#include <string>

#include "engine/core/plan.h"
#include "launcher/process/variables.h"
#include "launcher/scheduler/job_history.h"
#include "launcher/scheduler/submit_run.h"

namespace llmrun {

/// How an attempt in a job of a chain ended.
struct ChainLink {
  int exit_code = 0;
  bool near_walltime = false;         // then a SIGTERM means the walltime, else somebody's wish
  bool preempted = false;             // or that its nodes are taken, and the scheduler itself will not start it again
  int64_t jobs_without_progress = 0;  // in a row, this one too: no new checkpoint, whatever died
  int64_t jobs_queued = 0;            // by this chain so far
};

enum class Continuation {
  stop,         // done, or nothing that another job would change
  next,         // one more job
  no_progress,  // kMostJobsWithoutProgress made none: exit 93
  used_up,      // job.chain jobs were queued
};

constexpr int64_t kMostJobsWithoutProgress = 3;

/// The table of exit codes (README): 75 goes on; so do a failure, a hang and a death by signal, for something may have been wrong with a
/// node; a configuration, a limit, bad numbers or a person's word end the chain. `most`: job.chain; 0: no limit.
Continuation continuation(const ChainLink& link, int64_t most);

/// The job of a chain that this process runs in.
struct ChainJob {
  RunOfJob run;
  std::string id;  // in full
  std::string scheduler;
  int64_t most = 0;  // job.chain
  int starts = 1;    // how often the scheduler has started it, where that tells (Slurm)
};

/// Nothing outside of job.sh, and where neither run.until_done nor job.chain asks for a next job.
std::optional<ChainJob> chain_job(const Plan& plan, const Variables& environment);

/// Before an attempt: writes down that it begins. Throws Error(Exit::terminated) where the run was cancelled meanwhile. REQUIRES the run's
/// lock.
void begin_link(const ChainJob& job, std::time_t now);

/// What became of the chain, for the last word of the attempt.
struct ChainEnd {
  Continuation continuation = Continuation::stop;
  std::string next;                  // the id of the job that goes on
  std::optional<Complaint> trouble;  // it was not queued, or jobs that depend on this one were not told of it: why, and what to type
};

/// "the chain of jobs is at its end: ...", in plain words.
std::string told(const ChainStop& stop);
/// What a person does then; empty: whatever the exit code asks for. `goes_on`: what the next attempt does (where_it_goes_on).
std::string next_step(const ChainStop& stop, std::string_view goes_on);

/// After an attempt: queues the next job, once, however often this job is started and wherever it dies. `stop_at`: when the attempt was to
/// stop by itself. REQUIRES the run's lock.
ChainEnd end_link(const ChainJob& job, int exit_code, std::optional<int64_t> stop_at, Scheduler& scheduler, std::time_t now);

}  // namespace llmrun

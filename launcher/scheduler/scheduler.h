#pragma once
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/process/variables.h"
#include "launcher/scheduler/job.h"
#include "launcher/scheduler/queue_line.h"

namespace llmrun {

/// How a job is queued, beside what its script says.
struct Submission {
  std::filesystem::path script;
  bool held = false;
  std::string after;  // full id of a job that must end first, however it ends: takes the place of the script's own dependencies
  std::vector<std::string> known;  // jobs that were queued from this directory before: none of them is this one
};

/// A batch system, through its own commands. Its calls wait for a server that many people ask: seconds, and ten at most. Whatever the
/// server refuses is an Error with its words, the cause and a remedy; a server that cannot be reached is Error(Exit::unreachable), which
/// says nothing about any job.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  virtual std::string_view name() const = 0;
  /// Queues the script from its own directory; the job's full id. Where the answer is lost on the way the job is looked for before anything
  /// is said, so that a second try never makes a second job.
  virtual std::string submit(const Submission& submission) = 0;
  /// The system's word on a script that is not to run: throws as submit() does. What it said, as a sentence. Unless a system can be asked,
  /// the job is queued as held, which no scheduler starts, and taken back.
  virtual std::string rehearse(const std::filesystem::path& script);
  /// The newest job, not among `known`, that was queued from this directory at `since` (seconds since 1970) or later and has not ended;
  /// empty where there is none. What was meant to be queued is found by this where its id was lost.
  virtual std::string find(const std::filesystem::path& directory, int64_t since, const std::vector<std::string>& known) = 0;
  /// Those of `ids` that the system knows, running, waiting or ended, in one question.
  virtual std::map<std::string, Job> status(const std::vector<std::string>& ids) = 0;
  /// Who waits in a queue, anybody. Of a system that cannot tell: nobody.
  virtual QueueLine waiting_in(const std::string& queue);
  /// Why no job may wait for the one of this id; empty: one may.
  virtual std::string_view cannot_be_waited_for(const std::string& id) const;
  /// The user's jobs that wait for `from` wait for `to` in its place, but for `to` itself. Doing it twice does no harm. Throws
  /// Error(Exit::preflight) that names those which cannot.
  virtual void hand_over(const std::string& from, const std::string& to) = 0;
  /// Why a job that waits in this way ("afterok") cannot be made to wait for another one; empty: it can.
  virtual std::string_view cannot_hand_over(std::string_view kind) const;
  /// A job that has ended already is no error: that is what was wanted.
  virtual void cancel(const std::string& id) = 0;
};

/// `patience`: how long one command of it may take.
std::unique_ptr<Scheduler> make_pbs(Variables environment, std::chrono::milliseconds patience = std::chrono::seconds(10));

std::unique_ptr<Scheduler> make_slurm(const Variables& environment, std::chrono::milliseconds patience = std::chrono::seconds(10));

/// By the name that machine.scheduler holds. Throws Error(Exit::config) for one that is not built.
std::unique_ptr<Scheduler> make_scheduler(std::string_view name, Variables environment);

}  // namespace llmrun

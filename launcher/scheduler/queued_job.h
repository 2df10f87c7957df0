#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// A job that was queued, for a list that outlives the scheduler's own memory of two weeks.
struct QueuedJob {
  std::string id;         // in full
  std::string scheduler;  // "pbs"
  std::string run;        // its name
  std::string dir;        // its run directory, absolute
  std::string submitted;  // UTC, "2023-10-11T09:29:06Z"
  std::string by;         // id of the job that queued it; empty: a person did
};

/// Every job that this user queued: $XDG_STATE_HOME/llmrun/jobs.jsonl, or ~/.local/state/llmrun/jobs.jsonl; empty where there is no home.
std::filesystem::path job_list_file(const Variables& environment);

/// Throws Error(Exit::preflight) where the list could not be written: asked before a job is queued. An empty path is no list.
void check_job_list(const std::filesystem::path& list);

/// Lists are append-only, a JSON object a line, so that many login nodes may write at once. Reading passes over a line that was torn.
void append_job(const std::filesystem::path& list, const QueuedJob& job);
/// What such a line says; text that is not there is empty.
QueuedJob queued_job_of(const json& line);
std::vector<QueuedJob> read_jobs(const std::filesystem::path& list);  // oldest first; none where there is no file

/// Whether `word` is its id, in full or up to its server.
bool is_id(const QueuedJob& job, const std::string& word);

/// The newest job that `word` means: an id, in full or up to its server, a run's name (of a sweep's member SWEEP/MEMBER or MEMBER), its
/// directory, a prefix that only one run has, or one sweep with its members, or "last". Throws Error(Exit::usage) with what there is.
QueuedJob find_job(const std::vector<QueuedJob>& jobs, const std::string& word);

}  // namespace llmrun

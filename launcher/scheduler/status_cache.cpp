#include "launcher/scheduler/status_cache.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "launcher/scheduler/answer_file.h"
#include "launcher/scheduler/queued_job.h"

namespace llmrun {
namespace {

constexpr std::chrono::milliseconds kGlance(50);  // between two looks at a file that somebody else is writing

bool fresh(const Answers& answers, const std::vector<std::string>& ids, int64_t now) {
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) {
    const auto found = answers.jobs.find(id);
    if (found == answers.jobs.end()) return false;
    const int64_t age = now - found->second.as_of;
    return found->second.settled || (age >= 0 && age < StatusCache::kFreshMs && found->second.as_of > answers.outdated);
  });
}

bool any_known(const Answers& answers, const std::vector<std::string>& ids) {
  return std::any_of(ids.begin(), ids.end(), [&](const std::string& id) { return answers.jobs.count(id) > 0; });
}

bool all_known(const Answers& answers, const std::vector<std::string>& ids) {
  return std::all_of(ids.begin(), ids.end(), [&](const std::string& id) { return answers.jobs.count(id) > 0; });
}

/// A clock that was set back must not make anybody wait for an hour.
bool resting(const Answers& answers, int64_t now) {
  return answers.failures > 0 && now < answers.next_try && answers.next_try - now <= StatusCache::kLongestRestMs;
}

Sightings shown(const Answers& answers, const std::vector<std::string>& ids) {
  Sightings sightings{{}, answers.trouble, answers.failures > 0 ? answers.next_try : 0};
  for (const std::string& id : ids) {
    const auto found = answers.jobs.find(id);
    sightings.jobs[id] = found == answers.jobs.end() ? Sighting{} : found->second;
  }
  return sightings;
}

/// What a question is about: the jobs that are wanted, and all whose state may have changed.
std::vector<std::string> question(const Answers& answers, const std::vector<std::string>& wanted) {
  std::set<std::string> ids(wanted.begin(), wanted.end());
  for (const auto& [id, sighting] : answers.jobs)
    if (!sighting.settled) ids.insert(id);
  for (const std::string& id : wanted)
    if (const auto found = answers.jobs.find(id); found != answers.jobs.end() && found->second.settled) ids.erase(id);
  return {ids.begin(), ids.end()};
}

/// `asked`: when the question was; what changed meanwhile is not in the answer.
void take(Answers& answers, const std::vector<std::string>& ids, const std::map<std::string, Job>& told, int64_t asked) {
  for (const std::string& id : ids) {
    Sighting& sighting = answers.jobs[id];
    const auto job = told.find(id);
    if (job != told.end()) {
      sighting = {job->second, asked, false, job->second.phase == JobPhase::ended};
      answers.missing_since.erase(id);
      continue;
    }
    const int64_t since = answers.missing_since.emplace(id, asked).first->second;
    sighting.as_of = asked;
    sighting.unknown = true;
    sighting.settled = asked - since >= StatusCache::kForgottenMs;
  }
  answers.failures = 0;
  answers.trouble.clear();
}

void note_failure(Answers& answers, const std::string& trouble, int64_t now) {
  answers.failures = std::min(answers.failures + 1, 16);
  const int64_t rest = std::min<int64_t>(1000LL << (answers.failures - 1), StatusCache::kLongestRestMs);
  std::random_device chance;
  answers.next_try = now + rest - static_cast<int64_t>(chance() % static_cast<uint32_t>(rest / 2 + 1));
  answers.trouble = trouble;
}

[[noreturn]] void throw_unreachable(const Answers& answers, int64_t now) {
  const int64_t left = std::max<int64_t>(1, (answers.next_try - now + 999) / 1000);
  throw Error(Exit::unreachable, "{}", answers.trouble)
      .because("nothing is known of the job")
      .hint("llmrun status again in {} s; jobs go on while their server is away", left);
}

}  // namespace

int64_t system_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

StatusCache::StatusCache(std::filesystem::path file, Scheduler& scheduler, Clock now)
    : file_(std::move(file)), scheduler_(scheduler), now_(std::move(now)) {}

Sightings StatusCache::look(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kWaitMs);
  for (;;) {
    const Answers answers = read_answers(file_);
    if (fresh(answers, ids, now_())) return shown(answers, ids);
    if (resting(answers, now_())) {
      if (!any_known(answers, ids)) throw_unreachable(answers, now_());
      return shown(answers, ids);
    }
    const AskerLock lock(file_);
    if (!lock.held_by_another() || std::chrono::steady_clock::now() > deadline) return ask(ids);
    if (all_known(answers, ids)) return shown(answers, ids);
    std::this_thread::sleep_for(kGlance);
  }
}

/// Somebody may have asked between our look at the file and the lock.
Sightings StatusCache::ask(const std::vector<std::string>& ids) {
  Answers answers = read_answers(file_);
  const int64_t asked = now_();
  if (fresh(answers, ids, asked)) return shown(answers, ids);
  const std::vector<std::string> about = question(answers, ids);
  try {
    take(answers, about, scheduler_.status(about), asked);
  } catch (const Error& error) {
    if (error.code() != Exit::unreachable) throw;
    note_failure(answers, error.what(), now_());
  }
  write_answers(file_, answers);
  if (answers.failures > 0 && !any_known(answers, ids)) throw_unreachable(answers, now_());
  return shown(answers, ids);
}

Sightings recall(const std::filesystem::path& file, const std::vector<std::string>& ids) { return shown(read_answers(file), ids); }

std::filesystem::path status_cache_file(const Variables& environment, std::string_view scheduler) {
  const std::filesystem::path list = job_list_file(environment);
  return list.empty() ? list : list.parent_path() / fmt::format("status-{}.json", scheduler);
}

}  // namespace llmrun

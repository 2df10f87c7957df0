#include "launcher/scheduler/dependencies.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "engine/core/run_paths.h"
#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"
#include "launcher/plan/critic.h"
#include "launcher/profile/yaml.h"

namespace llmrun {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"afterok", "afterany", "afternotok"};

bool looks_like_an_id(std::string_view word) {
  return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) != 0 &&
         std::all_of(word.begin(), word.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || std::string_view("._-[]").find(c) != std::string_view::npos; });
}

/// The job that RUN-OR-ID means; nothing where it means none.
std::optional<Dependency> meant_by(const std::string& word, const std::vector<QueuedJob>& jobs) {
  try {
    const QueuedJob job = find_job(jobs, word);
    return Dependency{{}, job.id, {}, job.dir};
  } catch (const Error&) {
    return looks_like_an_id(word) ? std::optional(Dependency{{}, word, {}, {}}) : std::nullopt;
  }
}

/// What a run's config.yaml says; empty where there is none that can be read.
std::string setting(const Value& config, std::string_view section, std::string_view key) {
  const Value* of = config.find(section);
  const Value* value = of == nullptr ? nullptr : of->find(key);
  return value == nullptr ? "" : value->text;
}

bool may_go_through_several_jobs(const std::filesystem::path& run) try {
  const Value config = read_yaml_file(RunPaths(run).config());
  return setting(config, "run", "until_done") == "true" || parse_integer(setting(config, "job", "chain")).value_or(0) > 0;
} catch (const Error&) {
  return false;
}

std::optional<Dependency> read_one(const std::string& said, const std::vector<QueuedJob>& jobs, Critic& critic) {
  const size_t colon = said.find(':');
  const std::string kind = colon == std::string::npos ? "afterok" : said.substr(0, colon);
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end()) {
    const std::string_view near = nearest(kind, kKinds);
    critic.say(fmt::format("job.depends '{}': '{}' is none of afterok, afterany and afternotok", said, kind), "job.depends",
               {"job.depends"}, near.empty() ? "afterok:RUN" : fmt::format("did you mean '{}'?", near));
    return std::nullopt;
  }
  const std::string word = colon == std::string::npos ? said : said.substr(colon + 1);
  if (auto meant = meant_by(word, jobs)) return Dependency{kind, meant->id, said, meant->run};
  critic.say(fmt::format("job.depends '{}': no run or job '{}' was queued", said, word), "job.depends", {"job.depends"},
             "llmrun status lists them");
  return std::nullopt;
}

/// Of a job that has ended.
bool is_met(const std::string& kind, JobEnd end) {
  if (kind == "afterany") return true;
  return (kind == "afterok") == (end == JobEnd::done);
}

/// PBS answers with the id in full, whatever it was asked with.
const Job* find(const std::map<std::string, Job>& jobs, const std::string& id) {
  for (const auto& [full, job] : jobs)
    if (full == id || full.starts_with(id + ".")) return &job;
  return nullptr;
}

/// "afterok:94[]" of 94[1].server.
std::string whole_array(const Dependency& dependency) {
  return dependency.kind + ":" + dependency.id.substr(0, dependency.id.find('[')) + "[]";
}

/// Whether the scheduler lets a job wait for that one.
bool may_wait(const Dependency& dependency, const Scheduler& scheduler, Critic& critic) {
  const std::string_view why = scheduler.cannot_be_waited_for(dependency.id);
  if (why.empty()) return true;
  critic.say(fmt::format("job.depends '{}': no job can wait for {}: {}", dependency.said, dependency.id, why), "job.depends",
             {"job.depends"}, fmt::format("{} waits for all of them; or submit when that one has ended", whole_array(dependency)));
  return false;
}

}  // namespace

std::vector<Dependency> read_dependencies(const Resolved& resolved, const std::vector<QueuedJob>& jobs,
                                          std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  std::vector<Dependency> dependencies;
  for (const std::string& said : resolved.config.job.depends)
    if (auto dependency = read_one(said, jobs, critic)) dependencies.push_back(*std::move(dependency));
  return dependencies;
}

std::vector<Dependency> open_dependencies(const std::vector<Dependency>& dependencies, Scheduler& scheduler, const Resolved& resolved,
                                          std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  std::vector<std::string> ids;
  for (const Dependency& dependency : dependencies) ids.push_back(dependency.id);
  const std::map<std::string, Job> known = scheduler.status(ids);
  std::vector<Dependency> open;
  for (const Dependency& dependency : dependencies) {
    const Job* job = find(known, dependency.id);
    if (job == nullptr)
      critic.say(fmt::format("job.depends '{}': {} does not know job {} any more", dependency.said, scheduler.name(), dependency.id),
                 "job.depends", {"job.depends"}, "leave it out if that job has done its work");
    else if (const Dependency found{dependency.kind, job->id, dependency.said, dependency.run};
             !job->end && may_wait(found, scheduler, critic))
      open.push_back(found);
    else if (job->end && !is_met(dependency.kind, *job->end))
      critic.say(fmt::format("job.depends '{}' can never be met: job {} ended: {}", dependency.said, job->id, spelling(*job->end)),
                 "job.depends", {"job.depends"}, "queue that one again first, or afterany");
  }
  return open;
}

void check_dependencies(const std::vector<Dependency>& dependencies, const Scheduler& scheduler, const Resolved& resolved,
                        std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  for (const Dependency& dependency : dependencies) may_wait(dependency, scheduler, critic);
}

std::vector<std::string> fragile_dependencies(const std::vector<Dependency>& dependencies, const Scheduler& scheduler) {
  std::vector<std::string> sentences;
  for (const Dependency& dependency : dependencies)
    if (const std::string_view why = scheduler.cannot_hand_over(dependency.kind);
        !why.empty() && may_go_through_several_jobs(dependency.run))
      sentences.push_back(fmt::format("'{}' waits for a run that may go through several jobs. {}: afterany:{} waits for its last one",
                                      dependency.said, why, dependency.said.substr(dependency.said.find(':') + 1)));
  return sentences;
}

std::vector<std::string> dependency_words(const std::vector<Dependency>& dependencies) {
  std::vector<std::string> words;
  for (const Dependency& dependency : dependencies) words.push_back(dependency.kind + ":" + dependency.id);
  return words;
}

}  // namespace llmrun

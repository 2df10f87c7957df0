#include "launcher/scheduler/job_json.h"

#include <iterator>

namespace llmrun {
namespace {

constexpr JobPhase kPhases[] = {JobPhase::waiting, JobPhase::held, JobPhase::running, JobPhase::suspended, JobPhase::ended};
constexpr JobEnd kEnds[] = {JobEnd::done, JobEnd::failed, JobEnd::walltime, JobEnd::cancelled, JobEnd::preempted, JobEnd::never_ran};
constexpr JobHold kHolds[] = {JobHold::none, JobHold::person, JobHold::dependency, JobHold::system};

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

template <typename Word, size_t N>
std::optional<Word> word_of(const Word (&words)[N], const std::string& text) {
  for (const Word word : words)
    if (spelling(word) == text) return word;
  return std::nullopt;
}

class Fields {
 public:
  explicit Fields(const json& document) : document_(document) {}

  std::string text(const char* key) const {
    const auto found = document_.find(key);
    return found != document_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  std::optional<int64_t> number(const char* key) const {
    const auto found = document_.find(key);
    return found != document_.end() && found->is_number_integer() ? std::optional(found->get<int64_t>()) : std::nullopt;
  }
  bool truth(const char* key) const {
    const auto found = document_.find(key);
    return found != document_.end() && found->is_boolean() && found->get<bool>();
  }
  std::vector<std::string> list(const char* key) const {
    std::vector<std::string> values;
    const auto found = document_.find(key);
    if (found == document_.end() || !found->is_array()) return values;
    for (const json& value : *found)
      if (value.is_string()) values.push_back(value.get<std::string>());
    return values;
  }

 private:
  const json& document_;
};

}  // namespace

json to_json(const Job& job) {
  return {{"job_id", job.id},
          {"job_name", job.name},
          {"queue", job.queue},
          {"phase", spelling(job.phase)},
          {"end", job.end ? json(spelling(*job.end)) : json()},
          {"exit_code", or_null(job.exit_code)},
          {"comment", job.comment},
          {"queued", or_null(job.queued)},
          {"started", or_null(job.started)},
          {"finished", or_null(job.finished)},
          {"starts_at", or_null(job.starts_at)},
          {"walltime_s", or_null(job.walltime)},
          {"nodes", job.nodes},
          {"hosts", job.hosts},
          {"runs", job.runs},
          {"preempted", job.preempted},
          {"hold", spelling(job.hold)},
          {"depends", job.depends},
          {"members", job.members}};
}

Job job_of_json(const json& document) {
  Job job;
  if (!document.is_object()) return job;
  const Fields fields(document);
  job.id = fields.text("job_id");
  job.name = fields.text("job_name");
  job.queue = fields.text("queue");
  job.phase = word_of(kPhases, fields.text("phase")).value_or(JobPhase::waiting);
  job.end = word_of(kEnds, fields.text("end"));
  if (const auto code = fields.number("exit_code")) job.exit_code = static_cast<int>(*code);
  job.comment = fields.text("comment");
  job.queued = fields.number("queued");
  job.started = fields.number("started");
  job.finished = fields.number("finished");
  job.starts_at = fields.number("starts_at");
  job.walltime = fields.number("walltime_s");
  job.nodes = fields.number("nodes").value_or(0);
  job.hosts = fields.list("hosts");
  job.runs = static_cast<int>(fields.number("runs").value_or(0));
  job.preempted = fields.truth("preempted");
  job.hold = word_of(kHolds, fields.text("hold")).value_or(JobHold::none);
  job.depends = fields.text("depends");
  job.members = fields.text("members");
  return job;
}

}  // namespace llmrun

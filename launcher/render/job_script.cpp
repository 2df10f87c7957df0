#include "launcher/render/job_script.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/render/template.h"

namespace llmrun {
namespace {

/// qsub reads directives by rules of its own, and quoting does not hold there: a value is of these characters or it is refused.
bool fits_a_directive(std::string_view value) {
  constexpr std::string_view kExtra = "_.+-:@";
  return value.size() <= 236 && value.front() != '-' && std::all_of(value.begin(), value.end(), [&](unsigned char c) {
           return std::isalnum(c) != 0 || kExtra.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

/// The fields of the job; what is not set is false, so that its line is left out.
class JobFields {
 public:
  void add(const char* field, const std::string& value) {
    if (value.empty()) {
      values_[field] = false;
    } else if (fits_a_directive(value)) {
      values_[field] = value;
    } else {
      complaints_.push_back(
          {fmt::format("job.{} '{}' cannot stand in a #PBS line", field, value), {}, {}, "letters, digits and _ . + - : @"});
    }
  }
  json take() {
    if (!complaints_.empty()) throw Error(Exit::config, std::move(complaints_));
    return std::move(values_);
  }

 private:
  json values_ = json::object();
  std::vector<Complaint> complaints_;
};

}  // namespace

std::string pbs_job_script(const Plan& plan, const std::string& llmrun) {
  const JobConfig& job = plan.config.job;
  const MachineConfig& machine = plan.config.machine;
  JobFields fields;
  fields.add("name", plan.name);
  fields.add("nodes", std::to_string(plan.hosts.size()));
  fields.add("system", machine.profile);
  fields.add("walltime", job.walltime_s ? format_duration(*job.walltime_s) : "");
  fields.add("filesystems", fmt::format("{}", fmt::join(job.filesystems.empty() ? machine.filesystems : job.filesystems, ":")));
  fields.add("queue", job.queue);
  fields.add("account", job.account);

  json environment = json::array();
  for (const auto& [name, value] : machine.environment) environment.push_back({{"name", name}, {"value", value}});
  return render_template(built_in_template("pbs/job.sh"),
                         {{"job", fields.take()},
                          {"directory", plan.dir},
                          {"environment", environment},
                          {"command", {llmrun, "train", RunPaths(plan.dir).config().string(), "--set", "run.dir=" + plan.dir}}},
                         "pbs/job.sh");
}

}  // namespace llmrun

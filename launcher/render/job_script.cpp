#include "launcher/render/job_script.h"

#include "engine/core/run_paths.h"
#include "launcher/process/exported.h"
#include "launcher/profile/resolved.h"
#include "launcher/render/pbs_script.h"
#include "launcher/render/slurm_script.h"
#include "launcher/render/template.h"

namespace llmrun {
namespace {

/// `llmrun train` of the run; of an array's member, whose directory job.sh has found and adds.
std::vector<std::string> command(const Plan& plan, const JobRequest& request) {
  const bool member = !request.array.empty();
  std::vector<std::string> words{request.llmrun, "train", RunPaths(member ? "" : plan.dir).config().string()};
  if (request.ranks) words.insert(words.end(), {"--ranks", std::to_string(*request.ranks)});
  words.emplace_back("--set");
  if (!member) words.push_back("run.dir=" + plan.dir);
  return words;
}

json values(const Plan& plan, const JobRequest& request, json fields) {
  json environment = json::array();
  for (const auto& [name, value] : plan.config.machine.environment) {
    const Exported what = exported(name, value);
    environment.push_back({{"name", name}, {"value", what.value}, {"rest", what.rest}});
  }
  if (!request.size_key.empty()) environment.push_back({{"name", kSizeKeyVariable}, {"value", request.size_key}, {"rest", ""}});
  return {{"job", std::move(fields)}, {"directory", plan.dir}, {"environment", environment}, {"command", command(plan, request)}};
}

}  // namespace

std::string job_script(const Plan& plan, const JobRequest& request) {
  const std::string& scheduler = plan.config.machine.scheduler;
  if (scheduler == "pbs")
    return render_template(find_template("pbs/job.sh", request.templates), values(plan, request, pbs_fields(plan, request)));
  if (scheduler == "slurm")
    return render_template(find_template("slurm/job.sh", request.templates), values(plan, request, slurm_fields(plan, request)));
  throw Error(Exit::config, "this machine has no scheduler to write a job script for").hint("llmrun render launch");
}

}  // namespace llmrun

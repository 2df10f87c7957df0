#include "launcher/site/allocation.h"

#include <unistd.h>

#include "engine/core/file.h"
#include "engine/core/units.h"
#include "launcher/site/nodelist.h"

namespace llmrun {
namespace {

Allocation from_file(const std::filesystem::path& path, std::string source) {
  const std::filesystem::path file = std::filesystem::absolute(path).lexically_normal();
  HostList list = parse_hostfile(read_file(file, Exit::preflight), path.string());
  return {std::move(list.hosts), std::move(source), file.string(), std::move(list.notes)};
}

/// A batch system keeps its list in a file on the first host of a job, and nowhere else.
Allocation from_node_file(const std::string& path, const std::string& variable) {
  if (!std::filesystem::exists(path))
    throw Error(Exit::preflight, "{} names '{}', which is not on this host", variable, path)
        .hint("start llmrun on the first host of the job, where the batch system leaves that file; outside a job: unset {}", variable);
  return from_file(path, variable);
}

Allocation from_slurm(const std::string& nodelist, const Variables& environment) {
  Allocation allocation{{}, "SLURM_JOB_NODELIST"};
  const int64_t slots = parse_integer(environment.get("SLURM_NTASKS_PER_NODE").value_or("0")).value_or(0);
  for (std::string& host : expand_nodelist(nodelist)) allocation.hosts.push_back({std::move(host), slots});
  return allocation;
}

}  // namespace

Allocation find_allocation(const std::optional<std::filesystem::path>& hostfile, const Variables& environment, const std::string& here) {
  const auto pbs = environment.get("PBS_NODEFILE"), cobalt = environment.get("COBALT_NODEFILE");
  const auto slurm = environment.get("SLURM_JOB_NODELIST");
  if (hostfile && hostfile->empty())
    throw Error(Exit::preflight, "--hostfile has an empty name")
        .hint("$PBS_NODEFILE is set inside a job alone; leave --hostfile out for the hosts of this job, or for this machine");
  return hostfile ? from_file(*hostfile, "--hostfile")
         : pbs    ? from_node_file(*pbs, "PBS_NODEFILE")
         : cobalt ? from_node_file(*cobalt, "COBALT_NODEFILE")
         : slurm  ? from_slurm(*slurm, environment)
                  : Allocation{{Host{here}}, "this machine"};
}

std::string batch_job_id(const Variables& environment) {
  const auto array = environment.get("SLURM_ARRAY_JOB_ID"), index = environment.get("SLURM_ARRAY_TASK_ID");
  if (const auto pbs = environment.get("PBS_JOBID")) return *pbs;
  if (const auto cobalt = environment.get("COBALT_JOBID")) return *cobalt;
  return array && index ? *array + "_" + *index : environment.get("SLURM_JOB_ID").value_or("");
}

std::string short_host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  const std::string whole = name;
  return whole.substr(0, whole.find('.'));
}

}  // namespace llmrun

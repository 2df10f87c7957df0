#include <vector>

#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// What the sites' documentation says of a job there, as whole lines and words.
struct Machine {
  const char* name;
  const char* job;  // further words: a job that the site would take
  std::vector<std::string> script_has;
  std::vector<std::string> script_lacks;  // anywhere in a line
  std::vector<std::string> launch_has;    // words of the launch line
  std::vector<std::string> launch_lacks;  // anywhere in it
};

bool has_line(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }
bool has_word(const std::string& text, const std::string& words) {
  return (" " + text.substr(0, text.find('\n')) + " ").find(" " + words + " ") != std::string::npos;
}

const std::string kRun = " --set model=gpt-125m --set train.seq_len=128 --set run.steps=10 --set job.account=P --set job.walltime=00:30:00";

// What every ALCF machine's jobs need to reach other networks, and PBS's own directory for sockets is too long for them.
const std::vector<std::string> kAlcf{
    "export TMPDIR=/tmp",
    "export http_proxy=http://proxy.alcf.anl.gov:3128",
    "export https_proxy=http://proxy.alcf.anl.gov:3128",
    "export ftp_proxy=http://proxy.alcf.anl.gov:3128",
    "export HTTP_PROXY=http://proxy.alcf.anl.gov:3128",
    "export HTTPS_PROXY=http://proxy.alcf.anl.gov:3128",
    "export FTP_PROXY=http://proxy.alcf.anl.gov:3128",
    "export no_proxy='admin,polaris-adminvm-01,localhost,*.cm.polaris.alcf.anl.gov,polaris-*,*.polaris.alcf.anl.gov,*.alcf.anl.gov'",
};

// Sources: docs.alcf.anl.gov (user-guides of 2026-08), ezpz 0.26, HPE's PALS mpiexec, docs.nersc.gov.
const std::vector<Machine>& machines() {
  static const std::vector<Machine> kMachines{
      {"polaris",
       "--set job.nodes=10",
       {"#PBS -l select=10:system=polaris", "#PBS -l place=scatter", "#PBS -l walltime=00:30:00", "#PBS -l filesystems=home:eagle",
        "#PBS -q prod", "#PBS -A P", "#PBS -k doe", "export CUDA_DEVICE_MAX_CONNECTIONS=1", "export IBV_FORK_SAFE=1",
        "export NCCL_NET='AWS Libfabric'",
        "export "
        "LD_LIBRARY_PATH=/soft/libraries/aws-ofi-nccl/v1.9.1-aws/lib:/soft/libraries/hwloc/lib\"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\"",
        "export FI_CXI_DISABLE_HOST_REGISTER=1", "export FI_MR_CACHE_MONITOR=userfaultfd", "export FI_CXI_DEFAULT_CQ_SIZE=131072"},
       {"NCCL_NET_GDR_LEVEL", "MPICH_GPU_SUPPORT_ENABLED", "grand", "#PBS -V", "#PBS -v", "#SBATCH", "#PBS -q small"},
       {"mpiexec", "--envall", "--line-buffer", "--np=40", "--ppn=4", "--cpu-bind=depth", "--depth=8", "--pmi=cray"},
       {"--transfer", "--no-vni", "--pmi=pmix", "mpirun", "srun"}},
      {"sirius",
       "--set job.nodes=2 --set job.queue=workq",
       {"#PBS -l place=scatter", "#PBS -l filesystems=home:eagle", "export IBV_FORK_SAFE=1"},
       {"system=polaris", "NCCL_NET_GDR_LEVEL", "#PBS -V"},
       {"mpiexec", "--np=8", "--ppn=4", "--cpu-bind=depth", "--depth=8"},
       {"--transfer", "--no-vni"}},
      {"sophia",
       "--set job.nodes=2",
       {"#PBS -q by-node", "#PBS -l filesystems=home:eagle", "export NCCL_DEBUG=warn", "export IBV_FORK_SAFE=1"},
       {"by-gpu", "NCCL_NET=", "FI_CXI", "#PBS -V"},
       {"mpirun", "-n 16", "-x PATH", "-x OMP_NUM_THREADS", "-x http_proxy", "-x https_proxy"},
       {"mpiexec", "--cpu-bind", "--pmi"}},
      {"aurora",
       "--set job.nodes=2 --set job.queue=debug",
       {"#PBS -q debug", "#PBS -l filesystems=home:flare", "export CCL_PROCESS_LAUNCHER=pmix", "export CCL_KVS_MODE=mpi",
        "export PALS_PMI=pmix", "export FI_PROVIDER=cxi", "export ZE_FLAT_DEVICE_HIERARCHY=FLAT"},
       {"NCCL_", "eagle", "system=polaris", "ZE_AFFINITY_MASK", "#PBS -V"},
       {"mpiexec", "--np=24", "--ppn=12", "--pmi=pmix",
        "--cpu-bind=list:1-8:9-16:17-24:25-32:33-40:41-48:53-60:61-68:69-76:77-84:85-92:93-100"},
       {"--no-vni", "--transfer", "--pmi=cray", "--depth"}},
      {"sunspot",
       "--set job.nodes=2 --set job.queue=workq",
       {"export CCL_PROCESS_LAUNCHER=pmix", "export PALS_PMI=pmix"},
       {"NCCL_", "flare", "system=polaris", "#PBS -V"},
       {"mpiexec", "--np=24", "--ppn=12", "--pmi=pmix",
        "--cpu-bind=list:1-8:9-16:17-24:25-32:33-40:41-48:53-60:61-68:69-76:77-84:85-92:93-100"},
       {"--no-vni", "--transfer"}},
      {"crux",
       "--set job.nodes=2 --set job.ranks_per_node=4",
       {"#PBS -l select=2:system=crux", "#PBS -q workq-route", "#PBS -l filesystems=home:eagle"},
       {"NCCL_", "CUDA_", "system=polaris", "#PBS -V"},
       {"mpiexec", "--np=8", "--ppn=4"},
       {"--transfer", "--no-vni", "--depth"}},
      {"perlmutter",
       "--set job.nodes=2 --set job.queue=debug",
       {"#SBATCH --nodes=2", "#SBATCH --qos=debug", "#SBATCH --constraint=gpu", "#SBATCH --account=P", "module load libfabric || exit 5",
        "module load cudatoolkit || exit 5"},
       {"#PBS", "--partition", "NCCL_", "proxy", "--export=ALL"},
       {"srun", "--nodes=2", "--ntasks=8", "--gpus-per-node=4"},
       {"mpiexec", "mpirun", "--gpus-per-task"}},
      {"slurm",
       "--set job.nodes=2 --set job.queue=batch --set machine.node.gpus=4 --set machine.node.cores=64",
       {"#SBATCH --nodes=2", "#SBATCH --partition=batch", "#SBATCH --account=P"},
       {"#PBS", "--qos", "--constraint", "proxy"},
       {"srun"},
       {"mpiexec", "mpirun"}},
  };
  return kMachines;
}

}  // namespace

TEST_CASE("the job script of each machine has the lines that its site documents, and none that hurt people there") {
  const CommandLine shell;
  for (const Machine& machine : machines()) {
    CAPTURE(machine.name);
    const Outcome outcome = shell(std::string("llmrun render script --set machine=") + machine.name + " " + machine.job + kRun);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    const bool alcf = machine.name != std::string("perlmutter") && machine.name != std::string("slurm");
    for (const std::string& line : alcf ? kAlcf : std::vector<std::string>()) CHECK_MESSAGE(has_line(outcome.out, line), line);
    for (const std::string& line : machine.script_has) CHECK_MESSAGE(has_line(outcome.out, line), line << "\nin\n" << outcome.out);
    for (const std::string& text : machine.script_lacks) CHECK_MESSAGE(outcome.out.find(text) == std::string::npos, text);
  }
}

TEST_CASE("the launch line of each machine speaks its launcher's dialect") {
  const CommandLine shell;
  for (const Machine& machine : machines()) {
    CAPTURE(machine.name);
    const Outcome outcome = shell(std::string("llmrun render launch --set machine=") + machine.name + " " + machine.job + kRun);
    CHECK_MESSAGE(outcome.exit == 0, outcome.err);
    for (const std::string& words : machine.launch_has) CHECK_MESSAGE(has_word(outcome.out, words), words << "\nin\n" << outcome.out);
    for (const std::string& text : machine.launch_lacks) CHECK_MESSAGE(outcome.out.find(text) == std::string::npos, text);
  }
}

TEST_CASE("ThetaGPU has no queue of ours, but a launch inside its jobs") {
  const CommandLine shell;
  shell.write("nodes", "thetagpu01\nthetagpu02\n");
  const Outcome outcome = shell(
      "http_proxy=http://proxy:3128 LD_LIBRARY_PATH=/opt/lib COBALT_NODEFILE=\"$PWD/nodes\" llmrun render launch --set machine=thetagpu" +
      kRun);
  CHECK_MESSAGE(outcome.exit == 0, outcome.err);
  for (const char* words : {"mpirun", "-n 16", "-x CUDA_DEVICE_MAX_CONNECTIONS", "-x PATH", "-x LD_LIBRARY_PATH", "-x http_proxy"})
    CHECK_MESSAGE(has_word(outcome.out, words), outcome.out);
  CHECK(shell("llmrun submit --set machine=thetagpu" + kRun).exit != 0);
}

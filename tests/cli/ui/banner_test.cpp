#include "cli/ui/banner.h"

#include <cstdlib>

#include "engine/core/file.h"
#include "engine/core/run_paths.h"
#include "launcher/plan/script_rules.h"
#include "launcher/rundir/log_name.h"
#include "tests/launcher/profile/shipped.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

constexpr std::time_t kTalk = 1697016546;  // 2023-10-11 09:29:06 UTC

/// Two hosts of a job, as the environment asks for them.
PlanInput two_hosts(std::map<std::string, std::string> environment, std::vector<std::string> sets, int64_t gpus) {
  PlanInput input;
  input.resolved = read_config(shipped_sources(std::move(environment), std::move(sets)));
  input.allocation = {
      {{"x3210c0s1b0n0"}, {"x3210c0s1b1n0"}}, "PBS_NODEFILE", "/var/spool/pbs/aux/1126584.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov", {}};
  input.node.gpus = gpus;
  input.node.cores = 32;
  input.directory = "/home/ada";
  const Placement placement = place_ranks(input);
  settle_script_rules(input.resolved, placement.ranks(), 2);
  return input;
}

std::string banner_of(const PlanInput& input) {
  ::setenv("TZ", "UTC", 1);
  const Plan plan = make_plan(input);
  Attempt attempt;
  attempt.number = 1;
  attempt.log = plan.dir + "/logs/" + log_name("ada", "x3210c0s1b0n0", 2, plan.ranks(), kTalk);
  return cli::banner(input, plan, attempt, kTalk);
}

}  // namespace

// "LLMs on Polaris" (ALCF, October 2023): what its users look for, in this order; what stands between is ours.
TEST_CASE("a run of the ALCF talk says what the scripts of the talk said, byte for byte") {
  const std::string text = banner_of(two_hosts(
      {{"MODEL_SIZE_KEY", "GPT13B"}, {"SEQ_LEN", "1024"}, {"MICRO_BATCH", "1"}, {"SP_TYPE", "megatron"}}, {"machine=polaris"}, 4));
  size_t at = 0;
  for (const std::string& line : std::vector<std::string>{
           "Using HOSTFILE: /var/spool/pbs/aux/1126584.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov\n",
           "NHOSTS: 2\n",
           "NGPU_PER_HOST: 4\n",
           "NGPUS: 8\n",
           "From the environment: MODEL_SIZE_KEY=GPT13B SP_TYPE=megatron SEQ_LEN=1024 MICRO_BATCH=1\n",
           "Job started at: 2023-10-11-092906 on " + short_host_name() + "\n",
           "Training GPT-3 with GPT13B parameters\n",
           "Writing logs to: /home/ada/outputs/gpt_SP_actCkpt_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1\n",
           "to view output: tail -f $(tail -1 logfiles)\n",
           "i.e. tail -f /home/ada/outputs/gpt_SP_actCkpt_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1/logs/"
           "ada-x3210c0s1b0n0-nhosts2-ngpu8-2023-10-11-092906.log\n",
       }) {
    CAPTURE(line);
    const size_t found = text.find(line, at);
    REQUIRE(found != std::string::npos);
    CHECK((found == 0 || text[found - 1] == '\n'));
    at = found + line.size();
  }
  CHECK(text.starts_with("Using HOSTFILE: "));
  CHECK(at == text.size());
}

TEST_CASE("on CPUs ranks are not called GPUs, and a model that no key of the scripts named is no GPT-3") {
  const std::string text = banner_of(two_hosts({}, {"model=gpt-tiny", "run.steps=3", "job.ranks_per_node=2"}, 0));
  CHECK(text.find("NRANKS: 4 (on CPUs, 16 threads each)\n") != std::string::npos);
  CHECK(text.find("NGPU") == std::string::npos);
  CHECK(text.find("Training GPT with gpt-tiny parameters\n") != std::string::npos);
  CHECK(text.find("From the environment") == std::string::npos);
}

TEST_CASE("the lines that follow a log can be typed where the run was started, whatever its directory is called") {
  CHECK(cli::output_lines("/home/ada", "/home/ada/outputs/a", "/home/ada/outputs/a/logs/x.log") ==
        "Writing logs to: /home/ada/outputs/a\nto view output: tail -f $(tail -1 logfiles)\ni.e. tail -f /home/ada/outputs/a/logs/x.log\n");
  CHECK(cli::output_lines("/home/ada", "/lus/runs/a", "/lus/runs/a/logs/x.log") ==
        "Writing logs to: /lus/runs/a\nto view output: tail -f $(tail -1 /lus/logfiles)\ni.e. tail -f /lus/runs/a/logs/x.log\n");
  CHECK(cli::output_lines("/home/ada", "/my lus/runs/a", "/my lus/runs/a/logs/x.log") ==
        "Writing logs to: /my lus/runs/a\nto view output: tail -f \"$(tail -1 '/my lus/logfiles')\"\n"
        "i.e. tail -f '/my lus/runs/a/logs/x.log'\n");
}

TEST_CASE("the command that comes next after a run gives a prompt that generate can read") {
  const TemporaryDirectory directory;
  PlanInput input = two_hosts({}, {"model=gpt-tiny", "run.steps=3", "run.name=a", "job.ranks_per_node=2"}, 0);
  input.directory = directory.path();
  Plan plan = make_plan(input);
  std::filesystem::create_directories(RunPaths(plan.dir).checkpoints());
  write_file_atomically(RunPaths(plan.dir).checkpoints() / "latest", "step-00000003\n");
  const auto has = [&](const char* words) { return cli::farewell(plan, 0).find(words) != std::string::npos; };
  plan.config.data.train = {{.path = "synthetic"}};
  CHECK(has(" --prompt-ids 1,2,3 --max-new-tokens 100\n"));
  plan.config.data.train = {{.path = directory / "book"}};
  CHECK(has(" --prompt-ids 1,2,3 "));
  write_file_atomically(directory / "book.json", "{}");
  CHECK(has(" --prompt 'In the beginning' --max-new-tokens 100\n"));
  std::filesystem::remove(directory / "book.json");
  plan.config.data.tokenizer = "bytes";
  CHECK(has(" --prompt 'In the beginning' "));
}

#include <fmt/format.h>

#include "engine/core/json.h"
#include "tests/cli/submit_king.h"
#include "tests/support/argv_watch.h"
#include "tests/support/test.h"

using namespace llmrun;

// P9 of the promises: no secret in a script, an argv, a log, a record; and nobody else may change what a run leaves, or read what is its
// owner's, whatever umask the shell has.
namespace {

// Names that people have in their environment, and some that begin as those do which env.json keeps.
const std::string kSecrets = R"(umask 000
export HF_TOKEN=canary-hf-4711 WANDB_API_KEY=canary-wandb-4711 AWS_SECRET_ACCESS_KEY=canary-aws-4711
export DB_PASSWORD='canary "quoted" $HOME 4711' SLURM_JWT=canary-jwt-4711 LLMRUN_API_KEY=canary-own-4711 PBS_AUTH_COOKIE=canary-pbs-4711
)";

/// A user with secrets: ~/.netrc, a shell that sources `secrets`, and a repository whose uncommitted changes quote one.
void give_secrets(const CommandLine& shell) {
  shell.write(".netrc", "machine api.wandb.ai login user password canary-netrc-4711\n");
  shell.write("secrets", kSecrets);
  shell.write("train.sh", "wandb login\n");
  const Outcome made = shell("git init -q . && git add train.sh && git -c user.name=u -c user.email=u@x commit -q -m x");
  REQUIRE_MESSAGE(made.exit == 0, made.err);
  shell.write("train.sh", "wandb login canary-wandb-4711\n");
}

/// Nothing that a run leaves, and nothing that it said, holds a canary.
void check_silence(const CommandLine& shell, const Outcome& said) {
  CHECK(said.out.find("canary") == std::string::npos);
  CHECK(said.err.find("canary") == std::string::npos);
  const Outcome found = shell("grep -rl canary outputs .local pbs/jobs pbs/state.json pbs/calls.jsonl logfiles; ls outputs .local");
  CHECK_MESSAGE(found.out.starts_with(".local:\n"), found.out);
}

void check_modes(const CommandLine& shell, const std::string& script) {
  CHECK(shell("find outputs logfiles .local -perm /022 -not -type l").out == "");
  CHECK(shell("stat -c %a outputs/king/env.json outputs/king/run.json outputs/king/" + script).out == "600\n600\n700\n");
  CHECK(shell("stat -c %a .local/state/llmrun").out == "700\n");
  CHECK(shell("find .local -type f -perm /077").out == "");
  CHECK(shell("stat -c %a outputs/king outputs/king/metrics.jsonl outputs/king/logs/attempt-01/rank-00000.log").out == "755\n644\n644\n");
}

}  // namespace

TEST_CASE("I3: no secret of the user is in a file, a line or an argv of a run, and its files are nobody else's to change") {
  const CommandLine shell;
  give_secrets(shell);
  ArgvWatch watch("canary-hf-4711");
  const Outcome trained = shell(
      ". ./secrets; llmrun train --ranks 2 --set model=gpt-tiny --set train.seq_len=32 --set train.precision=fp32 --set run.steps=5 --set "
      "run.name=king --set parallel.communicator=tcp");
  watch.end();
  REQUIRE_MESSAGE(trained.exit == 0, trained.err);
  CHECK(watch.programs().contains("llmrun"));
  CHECK(watch.programs().contains("llmrun-rank"));  // the ranks did have it
  CHECK(watch.leaks().empty());
  check_silence(shell, trained);
  check_modes(shell, "launch.sh");
  CHECK(json::parse(shell.read("outputs/king/run.json")).at("git").at("diff").get<std::string>().find("wandb login ***") !=
        std::string::npos);
  for (const char* words : {"show king --json", "history --json", "explain king", "tail king", "config show --json", "doctor --json"})
    check_silence(shell, shell(std::string(". ./secrets; llmrun ") + words));
}

TEST_CASE("I3: no secret of the login environment is in a job's script, files or argv") {
  const CommandLine shell;
  give_secrets(shell);
  std::filesystem::create_directory(shell.path("pbs"));
  shell("hostname > pbs/run");
  shell.write("pbs/profile", "export LLMRUN_PROFILES='" LLMRUN_SOURCE_DIR "/profiles'\n. '" + shell.path("secrets") + "'\n");
  ArgvWatch watch("canary-hf-4711");
  const Outcome queued = on_polaris(
      shell,
      ". ./secrets; llmrun submit --set machine=polaris --set model=gpt-tiny --set train.seq_len=32 --set train.precision=fp32 --set "
      "run.steps=5 --set run.name=king --set job.nodes=1 --set machine.node.gpus=0 --set job.ranks_per_node=2 --set "
      "machine.launcher=openmpi --set job.account=datascience --set job.walltime=1:00:00 --set job.queue=preemptable");
  REQUIRE_MESSAGE(queued.exit == 0, queued.err);
  const Outcome followed = on_polaris(shell, ". ./secrets; llmrun tail king");
  watch.end();
  CHECK_MESSAGE(followed.exit == 0, followed.err, shell("cat outputs/king/king.o*").out);
  CHECK(watch.programs().contains("llmrun-rank"));
  CHECK(watch.leaks().empty());
  check_silence(shell, queued);
  check_silence(shell, followed);
  check_modes(shell, "job.sh");
}

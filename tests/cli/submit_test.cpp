#include <fstream>
#include <set>

#include "engine/core/json.h"
#include "tests/cli/submit_king.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

const std::string kSubmit =
    "llmrun submit --set machine=polaris --set model=gpt-1.5b --set run.steps=100 --set run.name=king --set job.nodes=2 --set "
    "parallel.tensor=8"
    " --set job.account=datascience --set job.walltime=1:00:00 --set job.queue=debug ";

}  // namespace

TEST_CASE("submit queues a job, status says why it waits, a second submit is refused, cancel takes it back") {
  const CommandLine shell;
  const Outcome queued = on_polaris(shell, kSubmit);
  CHECK(queued.exit == 0);
  CHECK(queued.out == "1.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov\n");
  CHECK(queued.err.find("llmrun status king\n") != std::string::npos);
  CHECK(shell.read("outputs/king/job.sh") == on_polaris(shell, kSubmit + "--dry-run").out);

  const Outcome status = on_polaris(shell, "llmrun status");
  CHECK(status.out.find("waiting  debug  2      -/01:00:00  1    king  Not Running: Not enough free nodes available\n") !=
        std::string::npos);
  const Outcome again = on_polaris(shell, kSubmit);
  CHECK(again.exit == 5);
  CHECK(again.err.find("of run 'king' is waiting") != std::string::npos);
  const Outcome cancelled = on_polaris(shell, "llmrun cancel 1");
  CHECK(cancelled.exit == 0);
  CHECK(cancelled.err.ends_with("It has saved nothing; the same submit starts from the beginning.\n"));
  CHECK(on_polaris(shell, "llmrun status king").out.find("\ncancelled") != std::string::npos);
  CHECK(on_polaris(shell, kSubmit + "--json | head -4").out.find("\"job_id\": \"2.polaris-pbs-01") != std::string::npos);
}

TEST_CASE("submit --dry-run writes and asks nothing; --dry-run=server leaves no job") {
  const CommandLine shell;
  const Outcome script = on_polaris(shell, kSubmit + "--dry-run=client");
  CHECK(script.out.starts_with("#!/bin/bash\n#PBS -N king\n"));
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));
  CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
  CHECK(on_polaris(shell, kSubmit + "--dry-run=server").exit == 0);
  CHECK(on_polaris(shell, "llmrun status --json").out.find("\"jobs\": []") != std::string::npos);
}

TEST_CASE("what a queue would refuse is told before the server is asked, and everything at once") {
  const CommandLine shell;
  const Outcome refused = on_polaris(shell, kSubmit + "--set job.nodes=20 --set job.walltime=2:00:00");
  CHECK(refused.exit == 5);
  CHECK(refused.err.find("queue 'debug' takes 1 to 2 nodes, not 20") != std::string::npos);
  CHECK(refused.err.find("queue 'debug' takes 00:05:00 to 01:00:00, not 02:00:00") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
}

TEST_CASE("a job calls its run and its model as the environment of the submission did") {
  const CommandLine shell;
  const Outcome queued =
      on_polaris(shell,
                 "MODEL_SIZE_KEY=GPT13B SEQ_LEN=1024 MICRO_BATCH=1 SP_TYPE=megatron USE_FLASH_ATTN_V2=1 llmrun submit --set "
                 "machine=polaris --set job.nodes=2 --set job.account=P --set job.queue=debug --set job.walltime=1:00:00");
  CHECK(queued.exit == 0);
  const std::string name = "gpt_SP_actCkpt_flashAttn_v2_GPT13B_z1_seqlen1024_mp8_pp1_sp1_nl40_hs5120_gb1_mb1";
  CHECK(shell.read("outputs/" + name + "/job.sh").find("\nexport LLMRUN_SIZE_KEY=GPT13B\n") != std::string::npos);
  const Outcome inside = shell("LLMRUN_SIZE_KEY=GPT13B llmrun plan --ranks 8 outputs/" + name + "/config.yaml");
  CHECK(inside.exit == 0);
  CHECK(inside.out.starts_with("run                " + name + "\n"));
}

TEST_CASE("a server that is down is exit 6, and no word about the job") {
  const CommandLine shell;
  CHECK(on_polaris(shell, kSubmit).exit == 0);
  shell.write("pbs/fault", "down");
  const Outcome status = on_polaris(shell, "llmrun status");
  CHECK(status.exit == 6);
  CHECK(status.out.empty());
  CHECK(status.err.find("cannot connect to server") != std::string::npos);
}

TEST_CASE("Q1: whatever qsub refuses is exit 5 or 6 with its own words, and leaves no job") {
  std::ifstream table(LLMRUN_SOURCE_DIR "/tests/data/pbs/errors.tsv");
  std::set<std::string> seen;
  std::string line;
  std::getline(table, line);  // the columns' names
  while (std::getline(table, line)) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    const std::string code = line.substr(0, first), text = line.substr(second + 1);
    if (!text.starts_with("qsub: ") || !seen.insert(code).second) continue;
    CAPTURE(text);
    const CommandLine shell;
    on_polaris(shell, "true");
    shell.write("pbs/fault", "refuse qsub " + code + " " + text);
    const Outcome refused = on_polaris(shell, kSubmitKing);
    CHECK((refused.exit == 5 || refused.exit == 6));
    CHECK(refused.err.find(text.substr(0, 60)) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
  }
  CHECK(seen.size() >= 10);
}

TEST_CASE(
    "Q1: qsub that says nothing, or something else, or nothing in time has queued one job, and the same submit again makes no second") {
  for (const char* fault : {"mute qsub", "garbage qsub"}) {
    CAPTURE(fault);
    const CommandLine shell;
    on_polaris(shell, "true");
    shell.write("pbs/fault", fault);
    const Outcome queued = on_polaris(shell, kSubmitKing);
    CHECK(queued.exit == 0);
    CHECK(queued.out == full_id("1") + "\n");
    CHECK(on_polaris(shell, kSubmitKing).exit == 5);
    CHECK(read_json_file(shell.path("pbs/state.json")).at("jobs").size() == 1);
  }
}

TEST_CASE("E3: a second submit while the first one holds the run's directory is refused with its owner") {
  const CommandLine shell;
  on_polaris(shell, "mkdir -p outputs/king");
  const Outcome second = on_polaris(shell, "flock outputs/king/.lock " + kSubmitKing);
  CHECK(second.exit == 5);
  CHECK(second.err.find("is in use by") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("pbs/state.json")));
}

TEST_CASE("job.depends: a run becomes the id of its newest job, and what can never be met is told at once") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSubmitKing).exit == 0);
  const Outcome waits = on_polaris(shell, kSubmitKing + "--set run.name=queen --set job.depends=[afterany:king]");
  REQUIRE_MESSAGE(waits.exit == 0, waits.err);
  CHECK(shell.read("outputs/queen/job.sh").find("#PBS -W depend=afterany:" + full_id("1") + "\n") != std::string::npos);
  CHECK(on_polaris(shell, "llmrun cancel king").exit == 0);

  const Outcome bad = on_polaris(shell, kSubmitKing + "--set run.name=rook --set job.depends=[king,afterok:99999,aftrok:1,nobody]");
  CHECK(bad.exit == 5);
  CHECK(bad.err.find("job.depends 'king' can never be met: job " + full_id("1") + " ended: cancelled") != std::string::npos);
  CHECK(bad.err.find("job.depends 'afterok:99999': pbs does not know job 99999 any more") != std::string::npos);
  CHECK(bad.err.find("did you mean 'afterok'?") != std::string::npos);
  CHECK(bad.err.find("no run or job 'nobody' was queued") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs/rook")));

  const Outcome met = on_polaris(shell, kSubmitKing + "--set run.name=rook --set job.depends=[afternotok:king]");  // it was cancelled
  CHECK(met.exit == 0);
  CHECK(shell.read("outputs/rook/job.sh").find("depend") == std::string::npos);
}

TEST_CASE("E2: where jobs cannot be written down none is queued, and what to do is told") {
  const CommandLine shell;
  const Outcome outcome = on_polaris(shell, "export XDG_STATE_HOME=/proc/none; " + kSubmitKing);
  CHECK(outcome.exit == 5);
  CHECK(outcome.err.find("cannot write '/proc/none/llmrun/jobs.jsonl', where your jobs are written down\nhint: export XDG_STATE_HOME=") !=
        std::string::npos);
  CHECK(on_polaris(shell, "qstat").out.empty());
}

TEST_CASE("E2: in a directory with a line break in its name nothing is queued, for the job would be refused; spaces and quotes are fine") {
  const CommandLine shell;
  const Outcome broken = on_polaris(shell, "mkdir 'a\nb'; cd 'a\nb' && " + kSubmitKing);
  CHECK(broken.exit == 5);
  CHECK(broken.err.find("its name holds a line break or another control character\n") != std::string::npos);
  CHECK(broken.err.find("hint: --set run.dir=DIRECTORY, one without\n") != std::string::npos);
  CHECK(on_polaris(shell, "qstat; ls 'a\nb'").out.empty());
  CHECK(on_polaris(shell, "mkdir \"a 'b\"; cd \"a 'b\" && " + kSubmitKing).exit == 0);
}

TEST_CASE("all that is wrong with a submit is told at once, what directives cannot hold too") {
  const CommandLine shell;
  const Outcome outcome =
      on_polaris(shell, kSubmitKing + "--set 'job.account=pröj;id' --set job.queue=smal --set data.train=/nope --set job.depends=[nobody]");
  CHECK(outcome.exit == 5);
  for (const char* said : {"job.account", "has no queue 'smal'", "cannot read '/nope.bin'", "no run or job 'nobody' was queued"})
    CHECK_MESSAGE(outcome.err.find(said) != std::string::npos, said);
}

TEST_CASE("a layout that cannot be hides nothing of what the queue, the account and the data lack") {
  const CommandLine shell;
  for (const char* more : {"", "--dry-run ", "--sweep run.seed=1,2 "}) {
    const Outcome refused = on_polaris(shell, kSubmitKing +
                                                  "--set parallel.tensor=5 --set job.account= --set job.walltime=99:00:00 --set "
                                                  "job.filesystems=[hom] --set data.train=/nope " +
                                                  more);
    CHECK(refused.exit == 3);
    for (const char* said : {"8 ranks are not the product of the axes", "job.account is not set", "not 99:00:00",
                             "has no file system 'hom'", "cannot read '/nope.bin'"})
      CHECK_MESSAGE(refused.err.find(said) != std::string::npos, said);
  }
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));
}

TEST_CASE("a key that is none hides neither the layout nor the limits, as far as what they hang on was read") {
  const CommandLine shell;
  const std::string bad = kSubmitKing + "--set parallel.tensor=5 --set job.account= --set data.train=/nope ";
  const auto told = [&](const std::string& more) {
    const Outcome refused = on_polaris(shell, bad + more);
    CHECK(refused.exit == 3);
    CHECK(refused.err.find("unknown key") != std::string::npos);
    std::string seen;
    for (const char* said : {"parallel.tensor 5 does not divide", "8 ranks are not the product", "job.account is not set", "'/nope.bin'"})
      seen += refused.err.find(said) != std::string::npos ? "1" : "0";
    return seen;
  };
  CHECK(told("--set optimizer.lrr=1 ") == "1011");
  CHECK(told("--set optimizer.lrr=1 --ranks 8 ") == "1111");
  CHECK(told("--set parallel.tensr=1 --ranks 8 ") == "0011");
  CHECK(told("--set job.acount=P ") == "1001");
  CHECK(told("--set optimiser.lr=1 ") == "0000");  // what was meant, nobody knows
}

TEST_CASE("a job trains with the ranks that it was queued with, alone and as a member of a sweep") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSubmitKing + "--set parallel.tensor=1 --ranks 6 ").exit == 0);
  shell.write("nodes", "x3001c0s1b0n0\nx3001c0s1b1n0\n");
  const auto launch_line = [&](const std::string& directory) {
    return on_polaris(shell, "cd outputs/" + directory +
                                 " && PBS_JOBID=1.x PBS_NODEFILE=\"$OLDPWD/nodes\" sh -c \"$(tail -n 1 job.sh) --dry-run\"")
        .out;
  };
  const std::string king = launch_line("king");
  CHECK_MESSAGE(king.find(" --np=6 --ppn=4 ") != std::string::npos, king);
  REQUIRE(on_polaris(shell, kSubmitKing + "--set parallel.tensor=1 --ranks 6 --set run.name=lrs --sweep optimizer.lr=1e-4,3e-4 ").exit ==
          0);
  const std::string member = launch_line("lrs/lr=1e-4");
  CHECK_MESSAGE(member.find(" --np=6 --ppn=4 ") != std::string::npos, member);
  CHECK(shell.read("outputs/lrs/job.sh").find(" config.yaml --ranks 6 --set \"run.dir=$PWD\"\n") != std::string::npos);
}

TEST_CASE("a hostfile is refused: the job would be planned on it, and run on the scheduler's hosts") {
  const CommandLine shell;
  shell.write("hosts", "a slots=2\nb slots=2\n");
  for (const char* more : {"--hostfile hosts", "--hostfile hosts --sweep run.seed=1,2"}) {
    const Outcome refused = on_polaris(shell, kSubmitKing + more);
    CHECK(refused.exit == 2);
    CHECK(refused.err.starts_with("llmrun: --hostfile: the hosts of a job are its scheduler's to choose\n"));
    CHECK(refused.err.find("hint: --nodes N") != std::string::npos);
  }
  CHECK(!std::filesystem::exists(shell.path("outputs/king/job.sh")));
}

TEST_CASE("ranks that do not fit hide no limit") {
  const CommandLine shell;
  const Outcome refused = on_polaris(shell, kSubmitKing + "--ranks 9 --set job.account= ");
  CHECK(refused.exit == 5);
  CHECK_MESSAGE(refused.err.find("9 ranks do not fit") != std::string::npos, refused.err);
  CHECK(shell("llmrun render script --set machine=polaris --set model=gpt-tiny --set run.steps=3 --ranks 6")
            .err.find("hint: --ranks 4, or --set job.nodes=2, or on CPUs: --set machine.node.gpus=0\n") != std::string::npos);
  CHECK(refused.err.find("job.account is not set") != std::string::npos);
}

TEST_CASE("tokens that no GPU could do within the walltime are told before there is a first attempt") {
  const CommandLine shell;
  const Outcome outcome = on_polaris(shell, kSubmitKing + "--set run.tokens=300B --set run.steps=auto --dry-run=server");
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.find("at no less than the whole peak of its GPUs, ") != std::string::npos);
  CHECK(outcome.err.find("--until-done queues them") != std::string::npos);
  const json told = json::parse(on_polaris(shell, kSubmitKing + "--set run.tokens=300B --set run.steps=auto --dry-run --json").out);
  CHECK(told["time_needed"]["measured"] == false);
  CHECK(told["time_needed"]["jobs"].get<int64_t>() > 1);
  CHECK(told["warnings"] == json::array());
}

TEST_CASE("a margin that leaves less than half of the walltime is warned of, and one that leaves nothing refused") {
  const CommandLine shell;
  const Outcome refused = on_polaris(shell, kSubmitKing + "--until-done --set job.margin=01:00:00 --dry-run");
  CHECK(refused.exit == 5);
  CHECK(refused.err.find("job.margin 01:00:00 leaves nothing of job.walltime 01:00:00") != std::string::npos);
  const Outcome warned = on_polaris(shell, kSubmitKing + "--until-done --set job.margin=00:55:00 --json");
  CHECK(warned.exit == 0);
  const std::string warning = "job.margin 00:55:00 leaves 00:05:00 of job.walltime 01:00:00 to train in";
  CHECK(warned.err.find("llmrun: warning: " + warning + "\n") != std::string::npos);
  CHECK(json::parse(warned.out)["warnings"] == json::array({warning}));
}

TEST_CASE("a dry run tells programs the script, or what the server said of it") {
  const CommandLine shell;
  const json client = json::parse(on_polaris(shell, kSubmitKing + "--dry-run --json").out);
  CHECK(client.at("run") == "king");
  CHECK(client.at("script").get<std::string>().starts_with("#!/bin/bash\n#PBS"));
  const json server = json::parse(on_polaris(shell, kSubmitKing + "--dry-run=server --json").out);
  CHECK(server.at("accepted") == true);
  CHECK(server.at("answer").get<std::string>().find("it was taken back") != std::string::npos);
}

TEST_CASE("who waits for the success of a run of several jobs is told what PBS makes of it") {
  const CommandLine shell;
  REQUIRE(on_polaris(shell, kSubmitKing + "--until-done").exit == 0);
  const std::string queen = kSubmitKing + "--set run.name=queen --set run.dir=queen ";
  const Outcome fragile = on_polaris(shell, queen + "--set job.depends=[afterok:king]");
  CHECK(fragile.exit == 0);
  CHECK(fragile.err.find("'afterok:king' waits for a run that may go through several jobs. PBS deletes what waits") != std::string::npos);
  CHECK(fragile.err.find("afterany:king waits for its last one") != std::string::npos);
  const Outcome sound = on_polaris(shell, kSubmitKing + "--set run.name=rook --set run.dir=rook --set job.depends=[afterany:king]");
  CHECK(sound.exit == 0);
  CHECK(sound.err.find("several jobs") == std::string::npos);
}

TEST_CASE("what would end the job later is told now, together: data, tokenizer, limits") {
  const CommandLine shell;
  const Outcome refused =
      on_polaris(shell, kSubmitKing + "--set data.train=/nowhere/words --set data.tokenizer=spm:/nowhere/m --set job.walltime=99:00:00");
  CHECK(refused.exit == 5);
  for (const char* text : {"cannot read '/nowhere/words.bin'", "cannot read '/nowhere/words.idx'", "cannot read '/nowhere/m'", "99:00:00"})
    CHECK_MESSAGE(refused.err.find(text) != std::string::npos, text);
  CHECK_FALSE(std::filesystem::exists(shell.path("outputs")));

  shell.write("words.bin", "");
  const Outcome suffixed = on_polaris(shell, kSubmitKing + "--set data.train=words.bin");
  CHECK(suffixed.exit == 5);
  CHECK(suffixed.err.find("/words.bin' is one file of a dataset") != std::string::npos);
  CHECK(suffixed.err.find("hint: leave the suffix out: " + shell.path("words") + "\n") != std::string::npos);
}

TEST_CASE("a run that one walltime does not hold is told with the speed that was measured") {
  const CommandLine shell;
  std::filesystem::create_directories(shell.path("outputs/king"));
  shell.write("outputs/king/.lock", "");
  shell.write("outputs/king/metrics.jsonl", R"({"step": 10, "loss": 4.0, "tokens_per_s": 10.0, "step_time_s": 100.0, "mfu": null})"
                                            "\n");
  const Outcome queued = on_polaris(shell, kSubmitKing);  // 90 steps of 1024 tokens at 10 tokens/s
  CHECK(queued.exit == 0);
  CHECK(
      queued.err.find("at the last attempt's 10 tokens/s the 90 steps left take 02:33:36, 3 jobs of 01:00:00: --until-done queues them") !=
      std::string::npos);
  REQUIRE(on_polaris(shell, "llmrun cancel king").exit == 0);
  CHECK(json::parse(on_polaris(shell, kSubmitKing + "--json").out)["time_needed"] ==
        json{{"tokens_per_s", 10.0}, {"measured", true}, {"steps", 90}, {"seconds", 9216}, {"jobs", 3}});
}

TEST_CASE("I3: no secret of the environment is in anything that submit writes or says, and nobody else can change its files") {
  const CommandLine shell;
  const std::string secrets = "umask 000; export HF_TOKEN=canary-hf WANDB_API_KEY=canary-wandb AWS_SECRET_ACCESS_KEY=canary-aws; ";
  REQUIRE(shell("git init -q . && echo x > notes && git add notes && git -c user.name=a -c user.email=a@b commit -q -m x && "
                "echo canary-hf > notes")
              .exit == 0);
  const Outcome queued = on_polaris(shell, secrets + kSubmitKing + "--until-done");
  REQUIRE_MESSAGE(queued.exit == 0, queued.err);
  CHECK(on_polaris(shell, secrets + "llmrun status --json king").exit == 0);
  CHECK(shell.read("outputs/king/git.json").find("+***") != std::string::npos);
  const Outcome found = shell("grep -rl canary outputs pbs .local; true");
  CHECK(found.out == "");
  for (const json& call : [&] {
         json calls = json::array();
         std::ifstream in(shell.path("pbs/calls.jsonl"));
         for (std::string line; std::getline(in, line);) calls.push_back(json::parse(line));
         return calls;
       }())
    for (const std::string word : call.at("argv")) CHECK((word != "-V" && word != "-v"));
  CHECK(shell("find outputs -perm /002 -not -type l").out == "");
}

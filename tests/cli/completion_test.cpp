#include "tests/cli/typing.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("commands, options, keys and values complete from the command tree and the field table") {
  const Workplace at;
  CHECK(at.words_offered("llmrun conf") == "config\n");
  CHECK(at.words_offered("llmrun config ") == "show\ncheck\nschema\n");
  CHECK(at.words_offered("llmrun config show --o") == "--origin\n");
  CHECK(at.words_offered("llmrun completion z") == "zsh\n");
  CHECK(at.words_offered("llmrun --color=al") == "--color=always\n");
  CHECK(at.words_offered("llmrun submit --dry-run ") == "client\nserver\n");
  CHECK(at.words_offered("llmrun data prepare --format ") == "jsonl\ntext\n");
  CHECK(at.words_offered("llmrun config show --set parallel.ten") == "parallel.tensor=\n");
  CHECK(at.words_offered("llmrun config show --set=observe.every") == "--set=observe.every_steps=\n");
  CHECK(at.words_offered("llmrun config show --set train.deterministic=") == "train.deterministic=true\ntrain.deterministic=false\n");
  CHECK(at.words_offered("llmrun config schema --text parallel.ten") == "parallel.tensor\n");
  CHECK(at.words_offered("llmrun zzz") == "");
  CHECK(at.words_offered("llmrun") == "");
}

TEST_CASE("what this version refuses is not offered") {
  const Workplace at;
  CHECK(at.words_offered("llmrun plan --set train.precision=fp") == "train.precision=fp32\ntrain.precision=fp16\n");
  CHECK(at.words_offered("llmrun plan --set model.experts") == "");
  CHECK(at.words_offered("llmrun checkpoint resh") == "");
  CHECK(at.words_offered("llmrun plan --sea") == "");
}

TEST_CASE("an option that was given is not offered again, unless it may be repeated") {
  const Workplace at;
  CHECK(at.words_offered("llmrun plan --hostf") == "--hostfile\n");
  CHECK(at.words_offered("llmrun plan --hostfile hosts.txt --hostf") == "");
  CHECK(at.words_offered("llmrun plan --set run.steps=1 --se") == "--set\n");
}

TEST_CASE("runs complete by the names that are here and by those of queued jobs") {
  const Workplace at;
  for (const char* command : {"tail", "status", "cancel", "checkpoint list"}) {
    const std::string line = std::string("llmrun ") + command + " ";
    CHECK_MESSAGE(at.words_offered(line + "kjv") == "kjv-run\n", command);
    CHECK_MESSAGE(at.words_offered(line + "queued") == "queued-run\n", command);
    CHECK_MESSAGE(at.words_offered(line + "11") == "1126584.polaris\n", command);
    CHECK_MESSAGE(at.words_offered(line + "la") == "last\n", command);
  }
  CHECK(at.offered("llmrun tail queued") == "queued-run\tjob 1126584.polaris, queued 2023-10-11T09:29:06Z\n");
  CHECK(at.words_offered("llmrun tail outputs/k") == "\tdirectories\n");
}

TEST_CASE("ranks and hosts are those of the run that was named") {
  const Workplace at;
  CHECK(at.words_offered("llmrun tail kjv-run -r ") == "all\n0\n1\n2\n3\n");
  CHECK(at.words_offered("llmrun tail kjv-run --ranks=0,2-") == "--ranks=0,2-0\n--ranks=0,2-1\n--ranks=0,2-2\n--ranks=0,2-3\n");
  CHECK(at.words_offered("llmrun tail no-such-run -r ") == "all\n");
  CHECK(at.words_offered("llmrun tail kjv-run --hosts x3001c0s7") == "x3001c0s7b0n0\n");
}

TEST_CASE("values of a sweep, states of the history and steps of checkpoints complete") {
  const Workplace at;
  CHECK(at.words_offered("llmrun submit --sweep parallel.ten") == "parallel.tensor=\n");
  CHECK(at.words_offered("llmrun submit --sweep train.precision=f") == "train.precision=fp32\ntrain.precision=fp16\n");
  CHECK(at.words_offered("llmrun submit --sweep train.precision=bf16,f") == "train.precision=bf16,fp32\ntrain.precision=bf16,fp16\n");
  CHECK(at.words_offered("llmrun history --state can") == "cancelled\n");
  for (const char* step : {"step-00000100", "step-00000200"}) {
    std::filesystem::create_directories(at.path(std::string("outputs/kjv-run/checkpoints/") + step));
    at.write(std::string("outputs/kjv-run/checkpoints/") + step + "/manifest.json", "{}");
  }
  CHECK(at.words_offered("llmrun checkpoint verify kjv-run --step ") == "100\n200\n");
  CHECK(at.words_offered("llmrun checkpoint verify alpha:1 --step ") == "");
}

TEST_CASE("members of a sweep are runs, and no directories stand between them") {
  const Workplace at;
  CHECK(at.words_offered("llmrun tail sw/") == "sw/lr=1,seed=2\n");
}

TEST_CASE("profiles, recipes and the queues of the machine that was chosen complete") {
  const Workplace at;
  CHECK(at.words_offered("llmrun profiles show gpt-13") == "gpt-13b\n");
  CHECK(at.words_offered("llmrun config show --set machine=soph") == "machine=sophia\n");
  CHECK(at.words_offered("llmrun train first") == "first-words\n\t*.yaml\n");
  CHECK(at.offered("llmrun submit --set machine=polaris --set job.queue=dem") == "job.queue=demand\t1-56 nodes, up to 01:00:00\n");
  CHECK(at.words_offered("llmrun submit --set machine=polaris --set parallel.tensor=wrong --set job.queue=dem") == "job.queue=demand\n");
  // Jobs reach these through `prod` alone.
  CHECK(at.words_offered("llmrun submit --set machine=polaris --set job.queue=small") == "");
  CHECK(at.words_offered("llmrun submit --set machine=polaris --set job.filesystems=home:ea") == "job.filesystems=home:eagle\n");
}

TEST_CASE("where a file belongs the shell is asked for files") {
  const Workplace at;
  CHECK(at.offered("llmrun train --set data.train=a/b=c") == "\tfiles\tdata.train=\ta/b=c\n");
  CHECK(at.offered("llmrun train '--set=data.train=a b") == "\tfiles\t--set=data.train=\ta b\n");
  CHECK(at.offered("llmrun launch -- pyth") == "\tcommands\t\tpyth\n");
  CHECK(at.offered("llmrun launch --ranks 2 -- python3 --x tr") == "\tfiles\t\ttr\n");
  CHECK(at.words_offered("llmrun plan --hostfile ") == "\tfiles\n");
  CHECK(at.words_offered("llmrun train --set data.train=my") == "\tfiles\n");
  CHECK(at.words_offered("llmrun train --set run.dir=") == "\tdirectories\n");
  CHECK(at.words_offered("llmrun checkpoint export --to ") == "\tdirectories\n");
}

TEST_CASE("assignments, sudo and paths before llmrun change nothing") {
  const Workplace at;
  for (const char* line : {"LLMRUN_RUN_SEED=1 llmrun conf", "sudo llmrun conf", "./build/bin/llmrun conf", "renamed conf"})
    CHECK_MESSAGE(at.words_offered(line) == "config\n", line);
}

TEST_CASE("what is inserted is quoted as the line is, and leaves out what stands there") {
  const Workplace at;
  const std::string options = "--insert --breaks=\"$(printf ' \\t\\n\"'\"'\"'><=;|&(:')\"";
  CHECK(at.words_offered("llmrun tail king", options) == "king\\ james\n");
  CHECK(at.words_offered("llmrun tail king\\ ja", options) == "king\\ james\n");
  CHECK(at.words_offered("llmrun tail 'king ja", options) == "king james\n");
  CHECK(at.words_offered("llmrun tail \"king ja", options) == "king james\n");
  CHECK(at.words_offered("llmrun tail it", options) == "it\\'s\n");
  CHECK(at.words_offered("llmrun tail 'it", options) == "it'\\''s\n");
  CHECK(at.words_offered("llmrun tail alpha:", options) == "1\n");
  CHECK(at.words_offered("llmrun tail 'alpha:", options) == "alpha:1\n");
  CHECK(at.words_offered("llmrun plan --set train.precision=b", options) == "bf16\n");
  CHECK(at.words_offered("llmrun plan --set=train.precision=b", options) == "bf16\n");
  CHECK(at.words_offered("llmrun plan '--set' 'train.precision=b", options) == "train.precision=bf16\n");
}

TEST_CASE("X1: names of runs that would harm a terminal are not offered") {
  const Workplace at;
  for (const char* run : {"zz\x1b]0;evil\x07", "zz\ttab", "zz\nline"}) {
    std::filesystem::create_directories(at.path(std::string("outputs/") + run));
    at.write(std::string("outputs/") + run + "/run.json", "{}");
  }
  CHECK(at.words_offered("llmrun tail zz") == "");
}

TEST_CASE("the hidden command is not offered") {
  const Workplace at;
  CHECK(at.words_offered("llmrun ").find("__") == std::string::npos);
  CHECK(at("llmrun --help").out.find("__") == std::string::npos);
}

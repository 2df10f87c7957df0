#include "launcher/profile/layers.h"

#include <fstream>

#include "engine/core/json.h"
#include "engine/core/spec/decode.h"
#include "launcher/profile/yaml_text.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;
namespace fs = std::filesystem;

namespace {

/// A directory with a few profiles, and a run from inside it.
class Site {
 public:
  Site() {
    write("profiles/models/base.yaml", "family: gpt\nvocab: 100\n");
    write("profiles/models/small.yaml", "extends: base\nkeys: [GPT_SMALL, OTHER]\nlayers: 4\nhidden: 64\nheads: 4\n");
    write("profiles/models/large.yaml", "extends: base\nlayers: 40\nhidden: 640\nheads: 40\n");
    write("profiles/machines/blue.yaml",
          "hosts: [\"blue-*\"]\nnode: {gpus: 4, peak_tflops: {bf16: 312}}\nscheduler: pbs\nenvironment: {A: '1'}\n");
    write("profiles/machines/red.yaml", "hosts: [\"red??\"]\nscheduler: slurm\n");
    write("profiles/recipes/long.yaml", "model: small\nparallel: {tensor: 4}\ntrain: {seq_len: 4096}\n");
    sources.directory = directory_.path();
    sources.profile_directories = {directory_.path() / "profiles"};
    sources.host = "here";
  }

  void write(const std::string& name, const std::string& text) const {
    const fs::path file = directory_.path() / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void run_file(const std::string& text) {
    write("run.yaml", text);
    sources.run_file = "run.yaml";
  }
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  Resolved read() const { return read_config(sources); }
  std::vector<Complaint> complaints(Exit code = Exit::config) const {
    try {
      read();
    } catch (const Error& error) {
      CHECK(error.code() == code);
      return error.complaints();
    }
    FAIL("no complaint");
    return {};
  }

  Sources sources;

 private:
  TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("each layer beats those below it, and the value knows both") {
  Site site;
  site.sources.host = "blue-17.example.org";
  site.run_file("model: small\nparallel: {tensor: 2}\ntrain: {seq_len: 64}\n");
  site.sources.environment = {{"SEQ_LEN", "128"}, {"LLMRUN_PARALLEL_TENSOR", "4"}};
  site.sources.sets = {"parallel.tensor=8", "run.steps=3"};
  const Resolved resolved = site.read();
  CHECK(resolved.config.machine.profile == "blue");
  CHECK(resolved.config.machine.node.peak_tflops_bf16 == 312);
  CHECK(resolved.config.model.vocab == 100);
  CHECK(resolved.config.model.layers == 4);
  CHECK(resolved.config.train.seq_len == 128);
  CHECK(resolved.config.parallel.tensor == 8);
  CHECK(resolved.config.run.steps == 3);

  CHECK(resolved.set_by("parallel.tensor") ==
        "parallel.tensor 8 was set by the command line, over 4 from environment LLMRUN_PARALLEL_TENSOR");
  CHECK(resolved.set_by("train.seq_len") == "train.seq_len 128 was set by environment SEQ_LEN, over 64 from run file 'run.yaml'");
  CHECK(resolved.set_by("model.layers") == "model.layers 4 was set by model profile 'small'");
  CHECK(resolved.set_by("train.micro_batch") == "train.micro_batch 1 is the built-in default");
  CHECK(resolved.is_set("train.seq_len"));
  CHECK(!resolved.is_set("train.micro_batch"));
  CHECK(resolved.where("model.layers") == Place{site.path("profiles/models/small.yaml"), 3, 9});
  CHECK(resolved.where("parallel.tensor").file.empty());
}

TEST_CASE("train.seq_len nobody sets is 1024, or what the model's positions can take, and says so") {
  Site site;
  site.sources.sets = {"model=small"};
  CHECK(site.read().config.train.seq_len == 1024);
  CHECK(site.read().set_by("train.seq_len") == "train.seq_len 1024 is auto: 1024");
  site.sources.sets = {"model=small", "model.max_positions=256"};
  CHECK(site.read().config.train.seq_len == 256);
  CHECK(site.read().set_by("train.seq_len") == "train.seq_len 256 is auto: min(1024, model.max_positions 256)");
  CHECK(!site.read().is_set("train.seq_len"));
  site.sources.sets = {"model=small", "model.max_positions=2048"};
  CHECK(site.read().config.train.seq_len == 1024);
  site.sources.run_file = "long";
  site.sources.sets = {"model.max_positions=256", "train.seq_len=auto"};
  CHECK(site.read().config.train.seq_len == 256);
  site.sources.sets = {"model.max_positions=256", "train.seq_len=512"};
  CHECK(site.read().config.train.seq_len == 512);  // the planner says that it is too long
  site.sources.sets = {"train.micro_batch=auto"};
  CHECK(site.complaints()[0].what == "train.micro_batch: 'auto' is not a whole number");
}

TEST_CASE("words that name a machine's ways are checked") {
  Site site;
  site.sources.sets = {"machine.node.affinity=reverse", "machine.scheduler=lsf"};
  CHECK(site.complaints().size() == 2);
  CHECK(site.complaints()[0].what == "machine.node.affinity: 'reverse' is not one of none, linear, reversed");
  CHECK(site.complaints()[0].hint == "did you mean 'reversed'?");
}

TEST_CASE("LLMRUN_ beats the short name of the same key") {
  Site site;
  site.sources.environment = {{"MPSIZE", "2"}, {"LLMRUN_PARALLEL_TENSOR", "4"}};
  CHECK(site.read().config.parallel.tensor == 4);
}

TEST_CASE("a model is a profile's name, an extension of one, or written out") {
  Site site;
  site.run_file("model: {extends: small, layers: 2}\n");
  CHECK(site.read().config.model.layers == 2);
  CHECK(site.read().config.model.hidden == 64);
  CHECK(site.read().config.model.profile == "small");
  site.run_file("model: {layers: 2, hidden: 8, heads: 2, vocab: 10}\n");
  CHECK(site.read().config.model.profile == "");
  site.sources.sets = {"model=large", "model.heads=8"};
  CHECK(site.read().config.model.profile == "large");
  CHECK(site.read().config.model.layers == 2);
  CHECK(site.read().config.model.heads == 8);
}

TEST_CASE("the host chooses the machine, a name overrules it") {
  Site site;
  site.sources.host = "red07";
  CHECK(site.read().config.machine.scheduler == "slurm");
  site.sources.sets = {"machine=blue"};
  CHECK(site.read().config.machine.scheduler == "pbs");
  site.sources = {.host = "red007", .profile_directories = site.sources.profile_directories};
  CHECK(site.read().config.machine.profile == "");
  CHECK(site.read().config.machine.scheduler == "local");
}

TEST_CASE("a run file builds on a recipe, and a recipe runs by its name") {
  Site site;
  site.run_file("extends: long\nparallel: {tensor: 2}\n");
  Resolved resolved = site.read();
  CHECK(resolved.config.train.seq_len == 4096);
  CHECK(resolved.set_by("parallel.tensor") == "parallel.tensor 2 was set by run file 'run.yaml', over 4 from recipe 'long'");
  site.sources.run_file = "long";
  CHECK(site.read().config.model.profile == "small");
}

TEST_CASE("MODEL_SIZE_KEY chooses the model that has the key, and is remembered") {
  Site site;
  site.sources.environment = {{"MODEL_SIZE_KEY", "GPT_SMALL"}};
  CHECK(site.read().config.model.profile == "small");
  CHECK(site.read().model_size_key == "GPT_SMALL");
  site.sources.sets = {"model=large"};
  CHECK(site.read().config.model.profile == "large");
  CHECK(site.read().model_size_key == "");
  site.sources.environment = {{"MODEL_SIZE_KEY", "GPT99B"}};
  CHECK(site.complaints()[0].what == "no model profile has the key MODEL_SIZE_KEY=GPT99B");
}

TEST_CASE("paths are relative to the file that says them, on the command line to the directory") {
  Site site;
  site.write("runs/run.yaml",
             "data: {train: [{path: a, weight: 2}, /abs/b], valid: synthetic, tokenizer: \"spm:m.model\"}\nrun: {dir: ../out}\n");
  site.sources.run_file = "runs/run.yaml";
  site.sources.sets = {"checkpoint.resume=old/step"};
  const Config config = site.read().config;
  CHECK(config.data.train == std::vector<DataSource>{{site.path("runs/a"), 2.0}, {"/abs/b", 1.0}});
  CHECK(config.data.valid == std::vector<DataSource>{{"synthetic", 1.0}});
  CHECK(config.data.tokenizer == "spm:" + site.path("runs/m.model"));
  CHECK(config.run.dir == site.path("out"));
  CHECK(config.checkpoint.resume == site.path("old/step"));
  site.sources.environment["HOME"] = "/home/ada";
  site.sources.sets = {"run.dir=~/runs/x", "data.train=~/a"};
  CHECK(site.read().config.run.dir == "/home/ada/runs/x");
  CHECK(site.read().config.data.train == std::vector<DataSource>{{"/home/ada/a", 1.0}});
  site.sources.sets = {"checkpoint.resume=never", "data.tokenizer=bytes"};
  CHECK(site.read().config.checkpoint.resume == "never");
  CHECK(site.read().config.data.tokenizer == "bytes");
}

TEST_CASE("--set writes lists with commas or brackets, maps with braces, and empty text") {
  Site site;
  site.sources.sets = {"parallel.layers_per_stage=2,1,1",
                       "data.split=[0.9, 0.1]",
                       "machine.environment={B: x}",
                       "machine.environment.C=a b",
                       "run.name=n",
                       "run.name="};
  const Config config = site.read().config;
  CHECK(config.parallel.layers_per_stage == std::vector<int64_t>{2, 1, 1});
  CHECK(config.data.split == std::vector<double>{0.9, 0.1});
  CHECK(config.machine.environment == std::vector<std::pair<std::string, std::string>>{{"B", "x"}, {"C", "a b"}});
  CHECK(config.run.name == "");
}

TEST_CASE("every complaint of every layer comes in one error, with its place and who set it") {
  Site site;
  site.run_file("model: {extends: smal}\nparallel: {tensr: 2, pipeline: zero}\n");
  site.sources.environment = {{"LLMRUN_TRAIN_SEQ_LN", "3"}, {"GAS", "x"}, {"LLMRUN_PROFILES", "is not ours to judge"}};
  site.sources.sets = {"parallel.data", "train.seq_len=-1", "parallel.layers_per_stage=[1"};
  const std::vector<Complaint> told = site.complaints();
  std::vector<std::string> what;
  for (const Complaint& complaint : told) what.push_back(complaint.what);
  REQUIRE(told.size() == 8);
  CHECK(what[0] == "unknown key 'LLMRUN_TRAIN_SEQ_LN' in the environment");
  CHECK(what[1] == "'--set parallel.data' is not key=value");
  CHECK(what[2].starts_with("parallel.layers_per_stage: not YAML"));
  CHECK(what[3] == "no model profile 'smal'");
  CHECK(told[3].at == Place{"run.yaml", 1, 18});
  CHECK(told[3].hint == "did you mean 'small'?");
  CHECK(what[4] == "unknown key 'parallel.tensr'");
  CHECK(told[4].at == Place{"run.yaml", 2, 12});
  CHECK(what[5] == "parallel.pipeline: 'zero' is not a whole number");
  CHECK(what[6] == "train.accumulate: 'x' is not a whole number");
  CHECK(told[6].because == std::vector<std::string>{"set by environment GAS"});
  CHECK(what[7] == "train.seq_len: '-1' is out of range: at least 1");
}

TEST_CASE("a profile that is not there is told with who named it: a file, another profile, a variable or the command line") {
  Site site;
  const auto told = [&] {
    const Complaint complaint = site.complaints().at(0);
    const Place at = complaint.at.value_or(Place{"nowhere"});
    return fmt::format("{} {}:{}:{} {}", complaint.what, std::filesystem::path(at.file).filename().string(), at.line, at.column,
                       fmt::join(complaint.because, " "));
  };
  site.run_file("run: {steps: 1}\nmodel: none\n");
  CHECK(told() == "no model profile 'none' run.yaml:2:8 ");
  site.run_file("extends: none\n");
  CHECK(told() == "no recipe profile 'none' run.yaml:1:10 ");
  site.run_file("");
  site.sources.environment = {{"LLMRUN_MODEL", "none"}};
  CHECK(told() == "no model profile 'none' :0:0 set by environment LLMRUN_MODEL");
  site.sources.sets = {"model.extends=none"};
  CHECK(told() == "no model profile 'none' :0:0 set by the command line");
  site.write("profiles/models/lost.yaml", "layers: 2\nextends: none\n");
  site.sources.sets = {"model=lost"};
  CHECK(told() == "no model profile 'none' lost.yaml:2:10 ");
}

TEST_CASE("bytes that are not UTF-8 have no place in a value, wherever it comes from") {
  Site site;
  site.sources.environment = {{"LLMRUN_RUN_DIR", "b\xff"}};
  site.sources.sets = {"run.name=b\xff", "data.train=[{path: \xff, weight: 1}]"};
  const std::vector<Complaint> told = site.complaints();
  REQUIRE(told.size() == 3);
  CHECK(told[0].what == "run.dir: bytes that are not UTF-8");
  CHECK(told[0].because == std::vector<std::string>{"set by environment LLMRUN_RUN_DIR"});
  CHECK(told[1].what == "run.name: bytes that are not UTF-8");
  CHECK(told[2].because == std::vector<std::string>{"set by the command line"});
}

TEST_CASE("what is not built yet is refused with its place, unless a stronger layer takes it back") {
  Site site;
  site.run_file("parallel:\n  expert: 2\n");
  const std::vector<Complaint> told = site.complaints();
  REQUIRE(told.size() == 1);
  CHECK(told[0].what == "parallel.expert 2: expert parallelism is not built yet");
  CHECK(told[0].at == Place{"run.yaml", 2, 11});
  site.sources.sets = {"parallel.expert=4"};
  CHECK(site.complaints().at(0).because ==
        std::vector<std::string>{"parallel.expert 4 was set by the command line, over 2 from run file 'run.yaml'"});
  site.sources.sets = {"parallel.expert=1"};
  CHECK(site.read().config.parallel.expert == 1);
}

TEST_CASE("Y4: a key with dots and the same one in its section are one key twice") {
  Site site;
  site.run_file("model: {extends: small, layers: 6}\nrun.steps: 5\nrun: {steps: 2}\nmodel.layers: 3\n");
  try {
    site.read();
    FAIL("it was read");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    CHECK(error.what() == std::string("duplicate key 'run.steps'\nduplicate key 'model.layers'"));
    CHECK(error.complaints()[0].because.at(0) == "'run.steps' stands in line 2 already");
  }
}

TEST_CASE("a run file that is not there, and a profile that extends itself") {
  Site site;
  site.sources.run_file = "nowhere.yaml";
  CHECK(site.complaints()[0].what == "no run file 'nowhere.yaml', and no recipe of that name");
  site.sources.run_file = "";
  site.write("profiles/models/loop.yaml", "extends: loop\n");
  site.sources.sets = {"model=loop"};
  CHECK(site.complaints()[0].what == "model profile 'loop' extends itself");
  CHECK(site.complaints()[0].hint == "let one of them stand alone, without 'extends'");
}

TEST_CASE("an earlier directory hides a profile of the same name") {
  Site site;
  site.write("mine/models/small.yaml", "layers: 1\n");
  site.sources.profile_directories.insert(site.sources.profile_directories.begin(), site.path("mine"));
  site.sources.sets = {"model=small"};
  CHECK(site.read().config.model.layers == 1);
}

TEST_CASE("a site's own profile extends the one that it hides, and is chosen by the same hosts") {
  Site site;
  site.sources.host = "blue-7";
  site.write("mine/machines/blue.yaml",
             "extends: blue\nscheduler: local\nenvironment: {B: '2'}\nqueues: {q: {nodes: [1, 2], walltime: [1m, 2m]}}\n");
  site.sources.profile_directories.insert(site.sources.profile_directories.begin(), site.path("mine"));
  const Config config = site.read().config;
  CHECK(config.machine.profile == "blue");
  CHECK(config.machine.scheduler == "local");
  CHECK(config.machine.node.gpus == 4);
  CHECK(config.machine.environment == std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", "2"}});
  CHECK(config.machine.queues.size() == 1);
}

TEST_CASE("a queue of a profile is limited by what is said of it alone, and by ranges that are some") {
  Site site;
  site.write("profiles/machines/green.yaml", "queues: {a: {walltime: [1m, 2m]}, b: {nodes: [2, 4]}}\n");
  site.sources.sets = {"machine=green"};
  const std::vector<QueueLimits> queues = site.read().config.machine.queues;
  REQUIRE(queues.size() == 2);
  CHECK(queues[0].nodes == std::array<int64_t, 2>{1, 0});
  CHECK(queues[0].walltime_s == std::array<int64_t, 2>{60, 120});
  CHECK(queues[1].nodes == std::array<int64_t, 2>{2, 4});
  CHECK(queues[1].walltime_s == std::array<int64_t, 2>{0, 0});
  site.write("profiles/machines/green.yaml", "queues: {a: {walltime: [2m, 1m]}, b: {nodes: [4, 2]}}\n");
  REQUIRE(!site.complaints().empty());
  CHECK(site.complaints()[0].what == "machine.queues: '[2m, 1m]' is no range: the least comes first");
}

TEST_CASE("where two machines fit a host, the stronger directory wins, then the alphabet") {
  Site site;
  site.sources.host = "blue-7";
  site.write("profiles/machines/azure.yaml", "hosts: ['blue-7']\n");
  CHECK(site.read().config.machine.profile == "azure");
  site.write("mine/machines/zaffre.yaml", "extends: blue\nhosts: ['blue-?']\n");
  site.sources.profile_directories.insert(site.sources.profile_directories.begin(), site.path("mine"));
  CHECK(site.read().config.machine.profile == "zaffre");
  CHECK(site.read().config.machine.node.gpus == 4);
}

TEST_CASE("in a PBS job the host that submitted it names the machine") {
  Site site;
  site.sources.host = "red07";
  site.sources.environment = {{"PBS_O_HOST", "blue-1"}};
  CHECK(site.read().config.machine.profile == "red");  // left over from a job: this is none
  site.sources.environment["PBS_JOBID"] = "1.pbs";
  CHECK(site.read().config.machine.profile == "blue");
  site.sources.environment["PBS_O_HOST"] = "a-laptop";
  CHECK(site.read().config.machine.profile == "red");
}

TEST_CASE("a person's word on the machine or its GPUs is told from a profile's and from a resolved configuration's") {
  Site site;
  site.sources.host = "blue-7";
  CHECK_FALSE(site.read().node_is_said);
  site.sources.sets = {"machine.node.gpus=2"};
  CHECK(site.read().node_is_said);
  site.sources.sets = {"machine=red"};
  CHECK(site.read().node_is_said);
  site.sources.sets.clear();
  site.run_file(to_yaml(site.read().config));
  CHECK_FALSE(site.read().node_is_said);
  site.sources.sets = {"machine.node.gpus=2"};
  CHECK(site.read().node_is_said);
  site.run_file(to_yaml(site.read().config));  // what was said at submit holds in the job
  site.sources.sets.clear();
  CHECK(site.read().node_is_said);
  CHECK(site.read().config.machine.node.gpus == 2);
}

TEST_CASE("a job script's configuration holds, whatever a login file exports on the node") {
  Site site;
  site.sources.host = "blue-7";
  site.sources.sets = {"model=small", "train.seq_len=128"};
  const std::string whole = to_yaml(site.read().config);
  site.sources.sets.clear();
  site.sources.environment = {{"SEQ_LEN", "64"}, {"LLMRUN_PARALLEL_TENSOR", "4"}, {"MODEL_SIZE_KEY", "GPT_SMALL"}};
  site.run_file(whole);
  CHECK(site.read().config.train.seq_len == 64);  // by hand the environment has its say
  site.sources.environment["LLMRUN_STARTED_AT"] = "1700000000";
  CHECK(site.read().config.train.seq_len == 128);
  CHECK(site.read().config.parallel.tensor == 1);
  site.run_file("model: small\n");  // a script of one's own that tells its start
  CHECK(site.read().config.train.seq_len == 64);
}

TEST_CASE("the resolved configuration, read again as a run file, is the same") {
  Site site;
  site.sources.host = "blue-1";
  site.sources.sets = {"model=small",   "data.train=p",    "parallel.layers_per_stage=2,2", "run.name=on", "machine.environment.B=a: b # c",
                       "run.tokens=1B", "job.walltime=90m"};
  const Config config = site.read().config;
  site.run_file(to_yaml(config));
  site.sources.sets.clear();
  site.sources.host = "elsewhere";
  CHECK(to_json(site.read().config) == to_json(config));

  site.sources.profile_directories = {site.path("nowhere")};  // as in a job, which does not get LLMRUN_PROFILES
  CHECK(to_json(site.read().config) == to_json(config));
  site.run_file("machine: {profile: blue, scheduler: pbs}\nmodel: {profile: small}\n");  // not a whole one
  CHECK(site.complaints()[0].what == "no machine profile 'blue'");
}

#include "engine/core/spec/fields.h"

#include <set>

#include "engine/core/spec/decode.h"
#include "engine/core/spec/nearest.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

Value scalar(const char* text) { return Value::scalar(text); }
Value text(const char* text) {
  Value value = Value::scalar(text);
  value.quoted = true;
  return value;
}
Value list(std::vector<Value> items) { return Value{.kind = Value::Kind::list, .items = std::move(items)}; }

/// What the table says against `value` under `path`; empty: nothing.
std::string complaint(std::string_view path, Value value) {
  Config config;
  std::vector<Complaint> complaints;
  apply(Value::nested(path, std::move(value)), config, complaints);
  if (complaints.empty()) return "";
  const bool is_general = complaints[0].hint.starts_with("llmrun config schema");
  return complaints[0].what + (is_general ? "" : " | " + complaints[0].hint);
}

Config with(std::string_view path, Value value) {
  Config config;
  std::vector<Complaint> complaints;
  apply(Value::nested(path, std::move(value)), config, complaints);
  REQUIRE(complaints.empty());
  return config;
}

std::vector<Complaint> unbuilt(const Config& config) {
  return complain_of_unbuilt(config, [](std::string_view, Complaint&) {});
}

}  // namespace

TEST_CASE("every key has a name of its own, a help text and its own environment variable") {
  std::set<std::string> paths, variables;
  for (const Field& field : fields()) {
    CHECK_MESSAGE(paths.insert(std::string(field.path)).second, field.path);
    CHECK_MESSAGE(variables.insert(field.environment_name()).second, field.path);
    for (std::string_view name : field.environment) CHECK_MESSAGE(variables.insert(std::string(name)).second, name);
    CHECK_MESSAGE(!field.help.empty(), field.path);
    CHECK_MESSAGE(find_field(field.path) == &field, field.path);
  }
  CHECK(find_field("parallel.tensor")->environment_name() == "LLMRUN_PARALLEL_TENSOR");
}

TEST_CASE("every default is in range, is built, and survives JSON") {
  const Config fresh;
  CHECK(unbuilt(fresh).empty());
  CHECK(to_json(config_from_json(to_json(fresh))) == to_json(fresh));
}

TEST_CASE("a configuration with every kind of value survives JSON") {
  Config config;
  config.run.name = "it's a \"run\"";
  config.run.tokens = 1'300'000'000;
  config.model.kv_heads = 4;
  config.model.positions = Positions::rotary;
  config.model.tie_embeddings = false;
  config.model.rope_theta = 500000;
  config.parallel.layers_per_stage = {2, 1, 1};
  config.parallel.offload = {Offload::parameters};
  config.parallel.schedule = Schedule::zero_bubble_v;
  config.optimizer.betas = {0.8, 0.99};
  config.data.train = {{"a", 2.5}, {"b", 1}};
  config.data.split = {0.9, 0.1};
  config.machine.queues = {{"debug", {1, 2}, {300, 3600}}, {"small", {10, 24}, {300, 10800}, "prod", 2, {}, 20}, {"open", {1, 0}}};
  config.machine.node.gpu_memory_bytes = int64_t{40} << 30;
  config.machine.environment = {{"B", "1"}, {"A", "x y"}};
  config.job.walltime_s = 5400;
  const Config again = config_from_json(json::parse(to_json(config).dump()));
  CHECK(to_json(again) == to_json(config));
  CHECK(again.data.train == config.data.train);
  CHECK(again.machine.environment == config.machine.environment);
  CHECK(again.machine.node.gpu_memory_bytes == config.machine.node.gpu_memory_bytes);
  CHECK(again.machine.queues.at(0).walltime_s == std::array<int64_t, 2>{300, 3600});
  CHECK(again.machine.queues.size() == 3);
  for (const QueueLimits& queue : again.machine.queues)
    if (queue.name == "open") CHECK((queue.nodes[1] == 0 && queue.walltime_s[1] == 0));  // no limit stays none
  CHECK(again.machine.queues.at(1).via == "prod");
  CHECK(again.machine.queues.at(1).jobs_of_user == 2);
  CHECK(again.machine.queues.at(1).array_at_once == 20);
  CHECK(again.optimizer.betas == config.optimizer.betas);
}

TEST_CASE("keys that JSON leaves out keep their defaults, and bad ones are all told") {
  CHECK(config_from_json({{"parallel", {{"tensor", 4}}}}).parallel.tensor == 4);
  try {
    config_from_json({{"parallel", {{"tensor", "four"}, {"tensr", 4}}}, {"model", 3}});
    FAIL("took it");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    CHECK(error.complaints().size() == 3);
  }
}

TEST_CASE("each type takes its own words only") {
  CHECK(complaint("parallel.tensor", scalar("4")) == "");
  CHECK(complaint("parallel.tensor", scalar("four")) == "parallel.tensor: 'four' is not a whole number");
  CHECK(complaint("parallel.tensor", text("4")) == "parallel.tensor: '\"4\"' is text, not a whole number | drop the quotes: 4");
  CHECK(complaint("parallel.tensor", text("ten")) == "parallel.tensor: '\"ten\"' is not a whole number");
  CHECK(complaint("parallel.tensor", text("")) == "parallel.tensor: '\"\"' is not a whole number");
  CHECK(complaint("optimizer.lr", text("1")) == "optimizer.lr: '\"1\"' is text, not a number | drop the quotes: 1");
  CHECK(complaint("train.deterministic", text("maybe")) == "train.deterministic: '\"maybe\"' is not true or false");
  CHECK(complaint("parallel.tensor", scalar("")) == "parallel.tensor: no value is not a whole number");
  CHECK(complaint("parallel.tensor", list({scalar("4")})) == "parallel.tensor: '[4]' is not a whole number");
  for (const char* yes : {"yes", "True", "ON", "1"})
    CHECK(complaint("train.deterministic", scalar(yes)) == fmt::format("train.deterministic: '{}' is not true or false | write true", yes));
  for (const char* no : {"no", "False", "Off", "0"})
    CHECK(complaint("train.deterministic", scalar(no)) == fmt::format("train.deterministic: '{}' is not true or false | write false", no));
  CHECK(complaint("optimizer.lr", scalar("nan")) == "optimizer.lr: 'nan' is not a number");
  CHECK(complaint("optimizer.betas", list({scalar("0.9")})) == "optimizer.betas: '[0.9]' is not a list of 2");
  CHECK(complaint("optimizer.betas", list({scalar("2"), scalar("-1")})) ==
        "optimizer.betas: '2' is out of range: at most 0.9999999; '-1' is out of range: at least 0");
  CHECK(complaint("parallel.layers_per_stage", scalar("3")) == "parallel.layers_per_stage: '3' is not a list | write [3]");
  CHECK(complaint("job.walltime", scalar("3600")) == "job.walltime: '3600' is not a duration such as 01:30:00 or 90m");
  CHECK(complaint("run.name", scalar("a\x1b[31m")) == "run.name: 'a\x1b[31m' holds a control character");
  CHECK(complaint("parallel.recompute", scalar("ful")) ==
        "parallel.recompute: 'ful' is not one of none, selective, full | did you mean 'full'?");
  CHECK(complaint("machine.environment", Value::nested("1X", scalar("a"))) ==
        "machine.environment: '1X' is not a name of an environment variable");
  CHECK(complaint("parallel", scalar("4")).starts_with("'parallel' is a section of keys"));
}

TEST_CASE("ranges hold at both ends") {
  CHECK(complaint("parallel.zero", scalar("4")) == "parallel.zero: '4' is out of range: at most 3");
  CHECK(complaint("parallel.zero", scalar("3")) == "");
  CHECK(complaint("parallel.tensor", scalar("0")) == "parallel.tensor: '0' is out of range: at least 1");
  CHECK(complaint("model.norm_eps", scalar("0")) == "model.norm_eps: '0' is out of range: more than 0");
  CHECK(complaint("job.walltime", scalar("0s")) == "job.walltime: '0s' is out of range: at least 00:00:01");
}

TEST_CASE("a map of variables ends at 1000 entries, or looking each up would take quadratic time") {
  Value variables{.kind = Value::Kind::map};
  for (int i = 0; i <= 1000; ++i) {
    variables.keys.push_back({fmt::format("V{}", i), {}});
    variables.items.push_back(scalar("x"));
  }
  CHECK(complaint("machine.environment", variables).starts_with("machine.environment: 1001 entries, at most 1000 are taken"));
}

TEST_CASE("auto empties an optional value") {
  Config config = with("train.global_batch", scalar("8"));
  CHECK(config.train.global_batch == 8);
  std::vector<Complaint> complaints;
  apply(Value::nested("train.global_batch", scalar("auto")), config, complaints);
  CHECK(complaints.empty());
  CHECK(!config.train.global_batch);
}

TEST_CASE("a text of a few words takes those only, and where it is derived, auto") {
  CHECK(with("machine.scheduler", scalar("pbs")).machine.scheduler == "pbs");
  CHECK(complaint("machine.scheduler", scalar("pbss")) ==
        "machine.scheduler: 'pbss' is not one of pbs, slurm, local | did you mean 'pbs'?");
  CHECK(complaint("machine.scheduler", text("")) == "machine.scheduler: '\"\"' is not one of pbs, slurm, local");
  CHECK(with("machine.launcher", text("")).machine.launcher == "");
  CHECK(with("train.seq_len", scalar("auto")).train.seq_len == Config{}.train.seq_len);
}

TEST_CASE("data.train is a path, a list of paths, or paths with weights") {
  CHECK(with("data.train", scalar("p")).data.train == std::vector<DataSource>{{"p", 1.0}});
  Value weighted{.kind = Value::Kind::map, .keys = {{"path", {}}, {"weight", {}}}, .items = {scalar("q"), scalar("2")}};
  CHECK(with("data.train", list({scalar("p"), weighted})).data.train == std::vector<DataSource>{{"p", 1.0}, {"q", 2.0}});
  weighted.keys[1].text = "wieght";
  CHECK(complaint("data.train", list({weighted})) == "data.train: 'wieght' is not one of path, weight");
}

TEST_CASE("a layer's environment variables join those below it") {
  Config config = with("machine.environment", Value::nested("A", scalar("1")));
  std::vector<Complaint> complaints;
  apply(Value::nested("machine.environment.B", scalar("2")), config, complaints);
  apply(Value::nested("machine.environment.A", scalar("3")), config, complaints);
  CHECK(complaints.empty());
  CHECK(config.machine.environment == std::vector<std::pair<std::string, std::string>>{{"A", "3"}, {"B", "2"}});
}

TEST_CASE("an unknown key suggests the nearest one, beside it or in another section") {
  CHECK(complaint("parallel.tensr", scalar("1")) == "unknown key 'parallel.tensr' | did you mean 'parallel.tensor'?");
  CHECK(complaint("tensor", scalar("1")) == "unknown key 'tensor' | did you mean 'parallel.tensor'?");
  CHECK(complaint("paralel.tensor", scalar("1")) == "unknown key 'paralel' | did you mean 'parallel'?");
  CHECK(complaint("machine.node.gpu", scalar("1")) == "unknown key 'machine.node.gpu' | did you mean 'machine.node.gpus'?");
  CHECK(complaint("zzzzzzz", scalar("1")).starts_with("unknown key 'zzzzzzz' | the sections are run, model"));
}

TEST_CASE("nearest is the one with the fewest slips, or none") {
  const std::vector<std::string_view> words{"train", "tail", "plan"};
  CHECK(nearest("trian", words) == "train");
  CHECK(nearest("tial", words) == "tail");
  CHECK(nearest("checkpoint", words) == "");
}

TEST_CASE("what is not built yet is refused by name, each once") {
  const std::vector<std::pair<const char*, const char*>> refused{
      {"parallel.expert", "2"},      {"model.experts", "8"},          {"train.precision", "fp8"}, {"train.objective", "sft"},
      {"checkpoint.async", "true"},  {"observe.tensorboard", "true"}, {"observe.wandb", "p"},     {"observe.mlflow", "p"},
      {"optimizer.schedule", "wsd"}, {"model.family", "neox"}};
  for (const auto& [path, value] : refused) {
    const std::vector<Complaint> complaints = unbuilt(with(path, scalar(value)));
    REQUIRE_MESSAGE(complaints.size() == 1, path);
    CHECK(complaints[0].what.starts_with(std::string(path) + " " + value + ": "));
    CHECK(complaints[0].what.ends_with(" is not built yet"));
  }
  CHECK(unbuilt(with("parallel.expert", scalar("2")))[0].what == "parallel.expert 2: expert parallelism is not built yet");
  CHECK(unbuilt(with("train.precision", scalar("fp8")))[0].hint == "this version takes train.precision bf16 or fp32 or fp16");
}

TEST_CASE("what is built is not refused") {
  for (const auto& [path, value] : std::vector<std::pair<const char*, const char*>>{{"parallel.zero", "3"},
                                                                                    {"parallel.shard_group", "2"},
                                                                                    {"parallel.sequence", "megatron"},
                                                                                    {"parallel.sequence", "ulysses"},
                                                                                    {"parallel.sequence_size", "2"},
                                                                                    {"parallel.context", "2"},
                                                                                    {"data.document_masks", "true"},
                                                                                    {"parallel.recompute", "full"},
                                                                                    {"parallel.recompute", "selective"},
                                                                                    {"parallel.recompute_layers", "1"},
                                                                                    {"train.precision", "fp32"},
                                                                                    {"train.precision", "fp16"},
                                                                                    {"train.loss_scale", "1024"},
                                                                                    {"train.precision", "bf16"},
                                                                                    {"optimizer.schedule", "constant"},
                                                                                    {"optimizer.schedule", "linear"},
                                                                                    {"train.attention", "plain"},
                                                                                    {"parallel.virtual_pipeline", "2"},
                                                                                    {"parallel.schedule", "zero_bubble_v"},
                                                                                    {"model.dropout", "0.1"}})
    CHECK_MESSAGE(unbuilt(with(path, scalar(value))).empty(), path);
}

TEST_CASE("the schema names every key with its type, range, words and default") {
  const json schema = config_schema();
  const json& parallel = schema["properties"]["parallel"];
  CHECK(parallel["additionalProperties"] == false);
  CHECK(parallel["properties"]["tensor"]["minimum"] == 1);
  CHECK(parallel["properties"]["tensor"]["default"] == 1);
  CHECK(parallel["properties"]["sequence"]["enum"] == json({"none", "megatron", "ulysses"}));
  const json& train = schema["properties"]["train"]["properties"];
  CHECK(train["seq_len"]["default"] == "auto");
  CHECK(train["seq_len"]["anyOf"][1]["const"] == "auto");
  CHECK(find_field("machine.node.affinity")->choices() == std::vector<std::string>{"none", "linear", "reversed"});
  CHECK(schema["properties"]["model"]["anyOf"].size() == 2);
  CHECK(schema["properties"]["machine"]["anyOf"][1]["properties"]["node"]["properties"]["peak_tflops"]["properties"].contains("bf16"));
}

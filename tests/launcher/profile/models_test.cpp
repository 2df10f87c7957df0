#include "engine/core/parameters.h"
#include "tests/launcher/profile/shipped.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

/// The model that the environment names; only its shape counts here.
ModelConfig model_of(const std::string& variable, const std::string& key) {
  return read_config(shipped_sources({{variable, key}})).config.model;
}

}  // namespace

// ALCF/pre-AuroraGPT/model.sh of argonne-lcf/Megatron-DeepSpeed.
TEST_CASE("every MODEL_SIZE_KEY of the ALCF scripts gives their layers, width and heads") {
  struct Row {
    const char* key;
    int64_t layers, hidden, heads;
  };
  for (const auto& [key, layers, hidden, heads] : std::initializer_list<Row>{{"GPT125M", 12, 768, 16},
                                                                             {"BERT1.2B", 24, 2048, 128},
                                                                             {"GPT1_5B", 48, 1536, 24},
                                                                             {"GPT2_7B", 32, 2560, 32},
                                                                             {"GPT6_7B", 32, 4096, 32},
                                                                             {"GPT13B", 40, 5120, 64},
                                                                             {"GPT25B", 64, 6144, 64},
                                                                             {"GPT30B", 64, 6144, 64},
                                                                             {"GPT33B", 80, 6144, 64},
                                                                             {"GPT145B", 80, 12288, 96},
                                                                             {"LLAMA_7B", 32, 4096, 32},
                                                                             {"LLAMA_13B", 40, 5120, 40},
                                                                             {"LLAMA_70B", 80, 8192, 64},
                                                                             {"GPT145B_2L", 2, 12288, 96},
                                                                             {"GPT145B_64L", 64, 12288, 96},
                                                                             {"GPT1T_1L", 1, 25600, 160},
                                                                             {"GPT1T_128L", 128, 25600, 160},
                                                                             {"GPT1T_1024L", 1024, 25600, 160}}) {
    CAPTURE(key);
    const ModelConfig model = model_of("MODEL_SIZE_KEY", key);
    CHECK(model.layers == layers);
    CHECK(model.hidden == hidden);
    CHECK(model.heads == heads);
    CHECK(read_config(shipped_sources({{"MODEL_SIZE_KEY", key}})).model_size_key == key);
  }
  CHECK(model_of("MODEL_SIZE_KEY", "GPT13B").profile == "gpt-13b");
  CHECK(model_of("MODEL_SIZE_KEY", "LLAMA_70B").ffn == 28672);
  CHECK(model_of("MODEL_SIZE_KEY", "LLAMA_7B").family == Family::llama);
}

TEST_CASE("a layer count that the scripts do not list is no key") {
  for (const char* key : {"GPT145B_3L", "GPT145B_L", "GPT145B_2,4L", "GPT145B_02L", "GPT1T_5L", "GPT1T", "GPT1.5B", "gpt13b"})
    CHECK(what_is_wrong(shipped_sources({{"MODEL_SIZE_KEY", key}})) == std::string("no model profile has the key MODEL_SIZE_KEY=") + key);
}

// ALCF/helpers.sh of argonne-lcf/Megatron-DeepSpeed; seq: the length that the scripts train on.
TEST_CASE("every MODEL_ARCH of the ALCF scripts gives their shape, under each of its names") {
  struct Row {
    std::vector<const char*> names;
    int64_t layers, hidden, heads, kv_heads, ffn, seq;
  };
  for (const Row& row : std::initializer_list<Row>{
           {{"2B", "AuroraGPT-2B", "AuroraGPT_2B", "Aurora-GPT-2B", "aurora-gpt-2b"}, 12, 2048, 16, 4, 11008, 8192},
           {{"7B", "AuroraGPT-7B", "aurora-gpt-7b", "llama-3.1-7B", "llama-3.2-7B"}, 32, 4096, 32, 8, 11008, 4096},
           {{"smollm3-3B", "smollm3_3B"}, 24, 2048, 16, 4, 11008, 8192},
           {{"phi4-mini", "phi4_mini"}, 24, 3072, 32, 8, 8192, 8192},
           {{"llama3-3B", "llama-3B"}, 28, 3072, 24, 8, 8192, 8192},
           {{"70B"}, 80, 8192, 64, 8, 28672, 8192},
       })
    for (const char* name : row.names) {
      CAPTURE(name);
      const Config config = read_config(shipped_sources({{"MODEL_ARCH", name}})).config;
      CHECK(config.model.family == Family::llama);
      CHECK(config.model.layers == row.layers);
      CHECK(config.model.hidden == row.hidden);
      CHECK(config.model.heads == row.heads);
      CHECK(config.model.kv_heads == row.kv_heads);
      CHECK(config.model.ffn == row.ffn);
      CHECK(config.train.seq_len == row.seq);
    }
  const ModelConfig model = model_of("LLMRUN_MODEL", "aurora-gpt-33b");
  CHECK(std::tuple(model.layers, model.hidden, model.heads, model.kv_heads, model.ffn) == std::tuple(78, 8268, 78, 6, 11076));
}

// Grattafiori et al. 2024, "The Llama 3 Herd of Models", table 3.
TEST_CASE("the Llama 3.1 sizes have their published shape, and a trillion parameters are 128 layers") {
  CHECK(model_of("LLMRUN_MODEL", "llama-3.1-8b").layers == 32);
  CHECK(model_of("LLMRUN_MODEL", "llama-3.1-70b").layers == 80);
  CHECK(model_of("LLMRUN_MODEL", "llama-3.1-405b").layers == 126);
  const int64_t parameters = parameter_count(model_shape(model_of("LLMRUN_MODEL", "gpt-1t"), 2048));
  CHECK(parameters > 1'000'000'000'000);
  CHECK(parameters < 1'020'000'000'000);
}

TEST_CASE("the GenSLM sizes are refused by the name of their family") {
  for (const char* name : {"genslm-25m", "genslm-250m", "genslm-2.5b", "genslm-25b"})
    CHECK(what_is_wrong(shipped_sources({}, {std::string("model=") + name})) == "model.family neox: the neox family is not built yet");
}

TEST_CASE("of a family that is not built nothing else is said: what must fit together in it is not known here") {
  Sources sources = shipped_sources({}, {"model=genslm-250m"});
  bool asked = false;
  const auto contradictions = [&](const Resolved&, std::vector<Complaint>&) { asked = true; };
  CHECK_THROWS_AS(read_config(sources, contradictions), Error);
  CHECK(!asked);
  sources.sets = {"model=gpt-tiny", "parallel.expert=2"};
  CHECK_THROWS_AS(read_config(sources, contradictions), Error);
  CHECK(asked);
}

TEST_CASE("every other shipped model can be planned with: heads divide its width, key and value heads its heads") {
  const Catalog catalog(shipped_sources().profile_directories);
  for (const std::string& name : catalog.names(ProfileKind::model)) {
    if (name.ends_with("-base") || name.starts_with("genslm")) continue;
    CAPTURE(name);
    const ModelConfig model = model_of("LLMRUN_MODEL", name);
    CHECK(model.layers * model.vocab > 0);
    CHECK(model.hidden % model.heads == 0);
    CHECK(model.heads % model.kv_heads.value_or(model.heads) == 0);
  }
}

TEST_CASE("every shipped recipe can be read") {
  Sources sources = shipped_sources();
  for (const std::string& name : Catalog(sources.profile_directories).names(ProfileKind::recipe)) {
    sources.run_file = name;
    CHECK_MESSAGE(!read_config(sources).config.model.profile.empty(), name);
  }
}

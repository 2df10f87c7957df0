#include "engine/checkpoint/huggingface.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <fstream>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/export.h"
#include "engine/core/file.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(LLMRUN_SOURCE_DIR) / "tests" / "golden";

struct Golden {
  const char* name;
  ModelShape model;
};

std::vector<Golden> goldens() {
  return {
      {"gpt2-tiny", model_shape({.family = Family::gpt, .layers = 4, .hidden = 64, .heads = 4, .vocab = 256, .max_positions = 128}, 64)},
      {"llama-tiny",
       model_shape(
           {.family = Family::llama, .layers = 4, .hidden = 64, .heads = 8, .kv_heads = 4, .ffn = 176, .vocab = 256, .max_positions = 128},
           64)}};
}

void no_progress(int64_t, int64_t) {}

/// A checkpoint of `division` whose weights come from a source and whose moments are true values.
void save_from(const WeightSource& source, const fs::path& checkpoints, const ModelShape& model, const Division& division) {
  run_group(static_cast<int>(division.ranks()), [&](const SaveGroup& group) {
    const RankMemory memory = rank_memory(model, division, group.rank);
    fill(memory.owned);
    std::vector<Piece> weights;
    std::copy_if(memory.wanted.begin(), memory.wanted.end(), std::back_inserter(weights),
                 [](const Piece& piece) { return piece.kind == Kind::weight; });
    source.load(weights);
    save_checkpoint(checkpoints, {.step = 1, .layout = division.layout(), .model = model}, memory.owned, group);
  });
}

std::string tensor_bytes(const SafetensorsFile& file, const StoredTensor& tensor) {
  std::string bytes(static_cast<size_t>(tensor.bytes), '\0');
  file.read(tensor.offset, tensor.bytes, bytes.data());
  return bytes;
}

TEST_CASE("a golden model read by any layout and exported again is the original, tensor by tensor and byte by byte") {
  const Division divisions[] = {
      {}, {.tensor = 4, .pipeline = 2}, {.tensor = 2, .data = 3, .zero = true}, {.pipeline = 3, .data = 2, .zero = true}};
  for (const Golden& golden : goldens()) {
    const HuggingFaceSource source(kGolden / golden.name, golden.model);
    const SafetensorsFile original(kGolden / golden.name / "model.safetensors", Exit::failed);
    for (const Division& division : divisions) {
      TemporaryDirectory directory;
      save_from(source, directory.path(), golden.model, division);
      const fs::path to = directory.path() / "exported";
      const ExportReport report = export_huggingface(CheckpointReader(directory.path() / "step-00000001"), to, {}, no_progress);
      const SafetensorsFile exported(to / "model.safetensors", Exit::failed);
      REQUIRE(exported.header().tensors.size() == original.header().tensors.size());
      CHECK(report.tensors == static_cast<int64_t>(original.header().tensors.size()));
      for (const StoredTensor& tensor : original.header().tensors) {
        const StoredTensor* again = exported.find(tensor.name);
        REQUIRE_MESSAGE(again, tensor.name);
        CHECK(again->dtype == tensor.dtype);
        CHECK(again->shape == tensor.shape);
        CHECK_MESSAGE(tensor_bytes(exported, *again) == tensor_bytes(original, tensor), tensor.name);
      }
      CHECK_NOTHROW(HuggingFaceSource(to, golden.model));
    }
  }
}

namespace {

/// The order of keys means nothing to transformers.
nlohmann::json unordered(const json& value) { return nlohmann::json::parse(value.dump()); }

}  // namespace

TEST_CASE("the exported config.json says what the original's says") {
  for (const Golden& golden : goldens()) {
    const json original = read_json_file(kGolden / golden.name / "config.json"), ours = huggingface_config(golden.model, "float32");
    int compared = 0;
    for (const auto& [key, value] : ours.items()) {
      if (!original.contains(key) || original[key].is_null() || value.is_null()) continue;
      CHECK_MESSAGE(unordered(original[key]) == unordered(value), golden.name, ": ", key);
      ++compared;
    }
    CHECK(compared >= 14);
  }
}

TEST_CASE("bf16 export rounds every weight to the nearest") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), small_gpt(), {}, 1);
  export_huggingface(CheckpointReader(directory.path() / "step-00000001"), directory.path() / "out", {.dtype = ExportDtype::bf16},
                     no_progress);
  const HuggingFaceSource source(directory.path() / "out", small_gpt());
  std::vector<float> row(16);
  source.load({{{"transformer.wte.weight", Kind::weight, 37, 16, {{36, 37}, {0, 16}}, {0, 16}}, row.data()}});
  for (int64_t i = 0; i < 16; ++i) {
    const uint16_t rounded = to_bf16(true_value("transformer.wte.weight", Kind::weight, 36 * 16 + i));
    CHECK(row[static_cast<size_t>(i)] == std::bit_cast<float>(static_cast<uint32_t>(rounded) << 16));
  }
  CHECK(read_json_file(directory.path() / "out" / "config.json")["dtype"] == "bfloat16");
}

TEST_CASE("an export above the limit is split into files with an index, and reads back the same") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), small_llama(), {.tensor = 2}, 1);
  const fs::path to = directory.path() / "out";
  const ExportReport report =
      export_huggingface(CheckpointReader(directory.path() / "step-00000001"), to, {.file_bytes = 9000}, no_progress);
  CHECK(report.files > 3);
  CHECK(fs::exists(to / fmt::format("model-00001-of-{:05}.safetensors", report.files)));
  CHECK_FALSE(fs::exists(to / "model.safetensors"));
  CHECK(read_json_file(to / "model.safetensors.index.json")["metadata"]["total_size"] == report.bytes);
  const RankMemory memory = rank_memory(small_llama(), {.tensor = 4}, 3);
  std::vector<Piece> weights;
  for (const Piece& piece : memory.wanted)
    if (piece.kind == Kind::weight) weights.push_back(piece);
  HuggingFaceSource(to, small_llama()).load(weights);
  CHECK(count_wrong(weights) == 0);
  fs::remove(to / "model.safetensors.index.json");  // the files alone say enough
  fill(weights, 5.0F);
  HuggingFaceSource(to, small_llama()).load(weights);
  CHECK(count_wrong(weights) == 0);
}

TEST_CASE("an export does not write over what is there, and a failed one leaves nothing") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), small_gpt(), {}, 1);
  const CheckpointReader reader(directory.path() / "step-00000001");
  const fs::path to = directory.path() / "out";
  fs::create_directory(to);
  std::ofstream(to / "precious") << "x";
  CHECK_THROWS_AS(export_huggingface(reader, to, {}, no_progress), Error);
  CHECK(fs::exists(to / "precious"));
  try {
    export_huggingface(reader, to / "precious" / "in-a-file", {}, no_progress);
    FAIL("took it");
  } catch (const Error& error) {
    CHECK(error.complaints()[0].hint == fmt::format("df -h '{0}'; ls -ld '{0}'", (to / "precious").string()));
  }
  fs::remove(to / "precious");
  const auto stop = [](int64_t done, int64_t total) {
    if (2 * done > total) throw Error(Exit::interrupted, "stopped");
  };
  CHECK_THROWS_AS(export_huggingface(reader, to, {}, stop), Error);
  CHECK(fs::is_empty(to));
  export_huggingface(reader, to, {}, no_progress);
  CHECK(fs::exists(to / "config.json"));
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 3);  // the checkpoint, latest, the export
}

TEST_CASE("a model that Hugging Face's cannot express is not exported") {
  ModelShape rotary_gpt = small_gpt(), grouped_gpt = small_gpt(), learned_llama = small_llama();
  rotary_gpt.positions = Positions::rotary;
  grouped_gpt.kv_heads = 2;
  learned_llama.positions = Positions::learned;
  for (const ModelShape& model : {rotary_gpt, grouped_gpt, learned_llama}) CHECK_THROWS_AS(huggingface_config(model, "float32"), Error);
}

/// A Hugging Face directory of small_gpt() made by hand, tensor by tensor.
class HandMade {
 public:
  HandMade() {
    for (const TensorInfo& info : model_tensors(small_gpt())) {
      std::vector<int64_t> shape{info.rows};
      if (!info.vector) shape = info.transposed ? std::vector{info.columns, info.rows} : std::vector{info.rows, info.columns};
      tensors.push_back({info.name, "F32", shape});
    }
  }
  StoredTensor& operator[](const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& tensor) { return tensor.name == name; });
  }
  /// Why the directory is refused; "accepted" when it is not.
  std::string why() {
    int64_t offset = 0;
    for (StoredTensor& tensor : tensors) {
      tensor.offset = offset;
      tensor.bytes = tensor.elements() * dtype_bytes(tensor.dtype);
      offset += tensor.bytes;
    }
    std::ofstream(directory.path() / "model.safetensors", std::ios::binary)
        << safetensors_header(tensors, {}) << std::string(static_cast<size_t>(offset), '\0');
    try {
      HuggingFaceSource(directory.path(), small_gpt());
    } catch (const Error& error) {
      CHECK(error.code() == Exit::preflight);
      return error.what();
    }
    return "accepted";
  }
  std::vector<StoredTensor> tensors;
  TemporaryDirectory directory;
};

TEST_CASE("names with and without the model's prefix, half precision, masks and a tied head are accepted") {
  HandMade made;
  for (StoredTensor& tensor : made.tensors) tensor.name = tensor.name.substr(std::string("transformer.").size());
  made["wpe.weight"].dtype = "F16";
  made["wte.weight"].dtype = "BF16";
  made.tensors.push_back({"h.0.attn.bias", "U8", {1, 1, 12, 12}});
  made.tensors.push_back({"lm_head.weight", "F32", {37, 16}});
  CHECK(made.why() == "accepted");
}

TEST_CASE("everything that does not fit the model is told at once") {
  HandMade made;
  made["transformer.wpe.weight"].shape = {12, 17};
  made["transformer.ln_f.weight"].dtype = "F64";
  made["transformer.ln_f.bias"].name = "transformer.ln_g.bias";
  const std::string why = made.why();
  CHECK(why.find("'transformer.wpe.weight' of '" + made.directory / "model.safetensors" +
                 "' has shape [12, 17] where the model needs [12, 16]") != std::string::npos);
  CHECK(why.find("has dtype F64; F32, F16 and BF16 can be loaded") != std::string::npos);
  CHECK(why.find("'transformer.ln_f.bias' is missing") != std::string::npos);
  CHECK(why.find("holds tensor 'transformer.ln_g.bias', which the model has no place for") != std::string::npos);
}

TEST_CASE("a directory without weights, an index that points elsewhere and a tensor in two files are refused") {
  TemporaryDirectory directory;
  const auto why = [&](const fs::path& path) -> std::string {
    try {
      HuggingFaceSource(path, small_gpt());
    } catch (const Error& error) {
      CHECK(error.code() == Exit::preflight);
      return error.what();
    }
    return "accepted";
  };
  CHECK(why(directory.path() / "absent").find("is not a directory") != std::string::npos);
  CHECK(why(directory.path()).find("holds no *.safetensors") != std::string::npos);
  const fs::path index = directory.path() / "model.safetensors.index.json";
  for (const char* place : {"\"../secret.safetensors\"", "\"/etc/passwd\"", "7"}) {
    std::ofstream(index) << R"({"weight_map": {"transformer.wte.weight": )" << place << "}}";
    CHECK(why(directory.path()).find("which is no safetensors file of this directory") != std::string::npos);
  }
  std::ofstream(index) << R"({"weight_map": {"transformer.wte.weight": "gone.safetensors"}})";
  CHECK(why(directory.path()).find("gone.safetensors': No such file") != std::string::npos);
  fs::remove(index);
  HandMade made;
  CHECK(made.why() == "accepted");
  fs::copy_file(made.directory / "model.safetensors", directory.path() / "a.safetensors");
  fs::copy_file(made.directory / "model.safetensors", directory.path() / "b.safetensors");
  CHECK(why(directory.path()).find("stands in '") != std::string::npos);
}

}  // namespace
}  // namespace llmrun

#include "launcher/profile/alcf.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "engine/core/spec/nearest.h"
#include "launcher/profile/alcf_names.h"
#include "launcher/profile/data_list.h"

namespace llmrun {
namespace {

/// The variables, and the layers that are made of them.
class Words {
 public:
  Words(const Environment& environment, const std::filesystem::path& base, std::vector<Complaint>& complaints)
      : environment_(environment), base_(base), complaints_(complaints) {}

  /// Its text; empty where it is not set, which is the same to the scripts.
  std::string text(std::string_view name) const {
    const auto found = environment_.find(std::string(name));
    return found == environment_.end() ? "" : found->second;
  }
  bool has(std::string_view name) const { return !text(name).empty(); }
  bool is_on(std::string_view name) const {
    const std::string word = text(name);
    return !word.empty() && word != "0" && word != "false" && word != "off";
  }
  const std::filesystem::path& base() const { return base_; }

  void say(std::string_view name, std::string_view path, Value value) { add(name, Value::nested(path, std::move(value))); }
  void say(std::string_view name, std::string_view path, std::string value) { say(name, path, Value::scalar(std::move(value))); }
  /// It counts, but no key holds it.
  void say_rule(std::string_view name) { add(name, Value{.kind = Value::Kind::map}); }
  void complain(std::string_view name, std::string what, std::string hint) {
    complaints_.push_back({std::move(what), {}, {fmt::format("set by environment {}", name)}, std::move(hint)});
  }
  void complain(const Error& error) { complaints_.insert(complaints_.end(), error.complaints().begin(), error.complaints().end()); }

  std::vector<Layer> said;

 private:
  void add(std::string_view name, Value tree) { said.push_back({fmt::format("environment {}", name), std::move(tree), base_}); }

  const Environment& environment_;
  const std::filesystem::path& base_;
  std::vector<Complaint>& complaints_;
};

Value list_of(std::vector<std::string> items) {
  Value list{.kind = Value::Kind::list};
  for (std::string& item : items) list.items.push_back(Value::scalar(std::move(item)));
  return list;
}

void read_flash(Words& words) {
  for (const char* name :
       {"USE_FLASH_ATTN", "USE_FLASH_ATTN_V1", "USE_FLASH_ATTN1", "USE_FLASH_ATTN_V2", "USE_FLASH_ATTN2", "USE_FLASH_ATTN_TRITON"})
    if (words.is_on(name)) words.say(name, "train.attention", "flash");
}

std::string lower_case(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

/// What a key that no profile has may mean, however its letters are cased: a profile, the keys that begin so, or the nearest.
std::string hint_for_key(std::string_view name, const std::string& key, const Catalog& catalog) {
  const std::string word = lower_case(key);
  if (catalog.has(ProfileKind::model, word)) return fmt::format("unset {}, and --set model={}", name, word);
  const std::vector<std::string> keys = catalog.model_keys();
  std::vector<std::string> words;
  for (const std::string& each : keys) words.push_back(lower_case(each));
  const std::string_view near = nearest(word, std::vector<std::string_view>(words.begin(), words.end()));
  std::vector<std::string> meant;
  for (size_t i = 0; i < keys.size(); ++i)
    if (words[i].starts_with(word)) meant.push_back(keys[i]);
  for (size_t i = 0; i < keys.size() && meant.empty(); ++i)
    if (!near.empty() && words[i] == near) meant.push_back(keys[i]);
  return meant.empty() ? "llmrun profiles list" : fmt::format("did you mean {}={}?", name, fmt::join(meant, " or "));
}

/// The model that MODEL_SIZE_KEY or MODEL_ARCH names. (The scripts train a model without a size, or a 7B, for a name they do not know.)
std::optional<ModelOfKey> read_model(std::string_view name, const Catalog& catalog, Words& words) {
  const std::string key = words.text(name);
  auto model = catalog.model_of_key(key);
  if (!model) {
    words.complain(name, fmt::format("no model profile has the key {}={}", name, key), hint_for_key(name, key, catalog));
    return {};
  }
  Value section{.kind = Value::Kind::map, .keys = {{"extends", {}}}, .items = {Value::scalar(model->profile)}};
  if (model->layers) {
    section.keys.push_back({"layers", {}});
    section.items.push_back(Value::scalar(std::to_string(*model->layers)));
  }
  words.say(name, "model", std::move(section));
  return model;
}

/// megatron: the norm regions are split along the tensor axis, which takes every rank of a stage. ds: Ulysses takes them, unless MPSIZE
/// leaves it none, and that is seen when the ranks are known.
void read_sequence_type(Words& words) {
  const std::string type = words.text("SP_TYPE");
  if (type == "megatron")
    words.say("SP_TYPE", "parallel.sequence", "megatron");
  else if (type == "ds" && words.has("MPSIZE"))
    words.say_rule("SP_TYPE");
  else if (type == "ds")
    words.say("SP_TYPE", "parallel.sequence", "ulysses");
  else
    words.complain("SP_TYPE", fmt::format("SP_TYPE={} is neither megatron nor ds", type), "SP_TYPE=megatron, or unset SP_TYPE");
}

void read_names(std::span<const ScriptName> names, Words& words) {
  for (const ScriptName& each : names)
    if (words.has(each.name)) words.say(each.name, each.path, words.text(each.name));
  constexpr std::string_view kRecompute = "USE_ACTIVATION_CHECKPOINTING";  // of all the scripts
  if (words.has(kRecompute)) words.say(kRecompute, "parallel.recompute", words.is_on(kRecompute) ? "full" : "none");
}

void read_old_names(Words& words) {
  read_names(old_script_names(), words);
  constexpr std::string_view kSequence = "USE_SEQUENCE_PARALLEL";
  if (words.has(kSequence)) words.say(kSequence, "parallel.sequence", words.is_on(kSequence) ? "megatron" : "none");
}

void read_list(const ScriptList& list, Words& words) {
  std::vector<std::string> names, values;
  for (const auto& [name, otherwise] : list.parts) {
    if (words.has(name)) names.emplace_back(name);
    values.push_back(words.has(name) ? words.text(name) : std::string(otherwise));
  }
  for (const std::string& name : names) words.say(name, list.path, list_of(values));
}

double read_warmup(Words& words) {
  const std::string text = words.text("LR_WARMUP_FRAC");
  if (text.empty()) return kNewWarmup;
  double share = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
  if (error != std::errc{} || end != text.data() + text.size() || !(share >= 0 && share <= 1))
    words.complain("LR_WARMUP_FRAC", fmt::format("LR_WARMUP_FRAC={} is no share of the steps", text), "LR_WARMUP_FRAC=0.05");
  else
    words.say_rule("LR_WARMUP_FRAC");
  return share;
}

void read_data_list_of(std::string_view name, Words& words) {
  try {
    words.say(name, "data.train", read_data_list(words.base() / words.text(name)));
  } catch (const Error& error) {
    words.complain(error);
  }
}

/// What the newer scripts know and we have under another form.
void read_further_new_names(Words& words) {
  for (const ScriptList& list : new_script_lists()) read_list(list, words);
  if (words.has("SP") && words.text("SP") != "1") {
    words.say("SP", "parallel.sequence", "ulysses");
    words.say("SP", "parallel.sequence_size", words.text("SP"));
  }
  constexpr std::string_view kGroup = "ZERO_HPZ_PARTITION_SIZE";
  if (words.has(kGroup) && words.text(kGroup) != "1") words.say(kGroup, "parallel.shard_group", words.text(kGroup));
  if (words.has("NO_FLASH_ATTN")) words.say("NO_FLASH_ATTN", "train.attention", "plain");  // the scripts ask only whether it is set
  if (words.is_on("CPU_OPTIMIZER")) words.say("CPU_OPTIMIZER", "parallel.offload", list_of({"optimizer"}));
  if (words.has("DATA_FILE_LIST")) read_data_list_of("DATA_FILE_LIST", words);
  for (const char* name : {"OPTIM", "OPTIMIZER", "OPT"})
    if (words.has(name) && words.text(name) != "adamw")
      words.complain(name, fmt::format("{}={}: optimizers other than adamw are not built yet", name, words.text(name)),
                     fmt::format("{}=adamw", name));
  if (words.has("LR_DECAY_ITERS"))
    words.complain("LR_DECAY_ITERS", "LR_DECAY_ITERS: a decay that ends before the run is not built yet", "unset LR_DECAY_ITERS");
}

std::vector<Layer> default_layers(std::span<const ScriptDefault> defaults, const std::vector<Layer>& others,
                                  const std::vector<Layer>& said) {
  const auto says = [](const std::vector<Layer>& layers, std::string_view path) {
    return std::any_of(layers.begin(), layers.end(), [&](const Layer& layer) { return value_at(layer.tree, path) != nullptr; });
  };
  std::vector<Layer> layers;
  for (const ScriptDefault& each : defaults)
    if (each.unless.empty() || (!says(others, each.unless) && !says(said, each.unless)))
      layers.push_back({"alcf", Value::nested(each.path, Value::scalar(std::string(each.value))), {}});
  return layers;
}

}  // namespace

AlcfWords read_alcf_words(const Environment& environment, const std::filesystem::path& base, const Catalog& catalog,
                          const std::vector<Layer>& others, std::vector<Complaint>& complaints) {
  Words words(environment, base, complaints);
  AlcfWords result;
  const bool is_new = words.has("MODEL_ARCH"), is_old = words.has("MODEL_SIZE_KEY") || words.has("SP_TYPE");
  const bool ulysses = words.text("SP_TYPE") == "ds";
  if (is_new && words.has("MODEL_SIZE_KEY"))
    words.complain("MODEL_ARCH", "MODEL_ARCH and MODEL_SIZE_KEY both name the model", "unset one of them");

  read_flash(words);
  std::optional<ModelOfKey> model;
  if (words.has("MODEL_SIZE_KEY")) model = read_model("MODEL_SIZE_KEY", catalog, words);
  if (model) result.size_key = words.text("MODEL_SIZE_KEY");
  if (is_new) model = read_model("MODEL_ARCH", catalog, words);
  if (words.has("SP_TYPE")) read_sequence_type(words);
  if (is_old) read_old_names(words);
  if (is_new) {
    read_names(new_script_names(), words);
    read_further_new_names(words);
  }
  result.rules = {.tensor = is_old && !ulysses, .sequence = ulysses, .whole_positions = is_new, .by_machine = is_new};
  result.rules.warmup = is_new ? read_warmup(words) : is_old ? kOldWarmup : 0;
  if (is_new || is_old) {
    result.defaults = default_layers(is_new ? new_script_defaults() : old_script_defaults(), others, words.said);
    for (Layer& layer : default_layers(script_defaults_of(model ? model->profile : "", ulysses, is_new), others, words.said))
      result.defaults.push_back(std::move(layer));
  }
  result.said = std::move(words.said);
  return result;
}

}  // namespace llmrun

#include "engine/core/dataset/dataset_card.h"

#include <filesystem>
#include <stdexcept>

#include "engine/core/json.h"

namespace llmrun {

namespace {

[[noreturn]] void refuse(const std::string& path, const char* why) {
  throw std::move(Error(Exit::preflight, "cannot use '{}': not the description of a dataset ({})", path, why)
                      .hint("prepare the dataset again, or move the file away to use the tokens without it"));
}

}  // namespace

std::optional<DatasetCard> read_card(const std::string& prefix) {
  const std::string path = prefix + ".json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const json content = read_json_file(path, Exit::preflight);
  try {
    DatasetCard card;
    card.tokenizer = content.at("tokenizer").get<std::string>();
    card.vocab = whole_number(content.at("vocab"));
    card.largest_id = whole_number(content.at("largest_id"));
    if (!content.at("document_end").is_null()) card.document_end = whole_number(content.at("document_end"));
    card.documents = whole_number(content.at("documents"));
    card.tokens = whole_number(content.at("tokens"));
    card.settings = content.at("settings").get<std::string>();
    for (const json& source : content.at("sources")) {
      card.sources.push_back({source.at("path").get<std::string>(), whole_number(source.at("bytes")),
                              whole_number(source.at("modified_ns")), source.at("xxh3").get<std::string>()});
    }
    return card;
  } catch (const json::exception& error) {
    refuse(path, error.what());
  } catch (const std::invalid_argument& error) {
    refuse(path, error.what());
  }
}

std::string to_json(const DatasetCard& card) {
  json content{{"version", 1},
               {"tokenizer", card.tokenizer},
               {"vocab", card.vocab},
               {"largest_id", card.largest_id},
               {"document_end", card.document_end ? json(*card.document_end) : json(nullptr)},
               {"documents", card.documents},
               {"tokens", card.tokens},
               {"settings", card.settings},
               {"sources", json::array()}};
  for (const DatasetInput& source : card.sources) {
    content["sources"].push_back(
        json{{"path", source.path}, {"bytes", source.bytes}, {"modified_ns", source.modified_ns}, {"xxh3", source.xxh3}});
  }
  return content.dump(1, ' ', false, json::error_handler_t::replace) + "\n";  // a path may be no UTF-8
}

std::string tokenizer_of(const DatasetCard& card, const std::string& prefix) {
  constexpr std::string_view kSentencePiece = "spm:";
  if (!card.tokenizer.starts_with(kSentencePiece)) return card.tokenizer;
  const std::filesystem::path model = card.tokenizer.substr(kSentencePiece.size());
  return "spm:" + (std::filesystem::path(prefix).parent_path() / model).string();
}

}  // namespace llmrun

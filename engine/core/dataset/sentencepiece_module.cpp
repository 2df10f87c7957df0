#include "engine/core/dataset/sentencepiece_module.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace llmrun {
namespace {

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(std::string model_path, std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
      : model_path_(std::move(model_path)), processor_(std::move(processor)) {
    const std::string probe = "a\n\n b\nc.\n\n\n\n\td\n";
    std::vector<int32_t> by_lines;
    encode_lines(probe, by_lines);
    const std::vector<int> whole = processor_->EncodeAsIds(probe);
    lines_stand_alone_ = std::equal(whole.begin(), whole.end(), by_lines.begin(), by_lines.end());
  }

  std::string name() const override { return "spm:" + model_path_; }
  int64_t vocab() const override { return processor_->GetPieceSize(); }

  std::optional<int64_t> document_end() const override {
    if (processor_->eos_id() < 0) return std::nullopt;
    return processor_->eos_id();
  }

  void encode(std::string_view text, std::vector<int32_t>& ids) const override {
    lines_stand_alone_ ? encode_lines(text, ids) : encode_whole(text, ids);
  }

  std::string decode(std::span<const int64_t> ids) const override {
    std::string text;
    std::vector<int> known;
    const auto flush = [&] {
      text += processor_->DecodeIds(known);
      known.clear();
    };
    for (const int64_t id : ids) {
      if (id >= 0 && id < vocab()) {
        known.push_back(static_cast<int>(id));
      } else {
        flush();
        text += "\uFFFD";
      }
    }
    flush();
    return text;
  }

 private:
  void encode_whole(std::string_view text, std::vector<int32_t>& ids) const {
    const std::vector<int> pieces = processor_->EncodeAsIds(text);
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }

  void encode_lines(std::string_view text, std::vector<int32_t>& ids) const {
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      const size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
      encode_whole(text.substr(0, length), ids);
      text.remove_prefix(length);
    }
  }

  std::string model_path_;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor_;
  /// Does this model give the same ids for a text and for its lines one by one? Then lines it is: SentencePiece slows down with length.
  bool lines_stand_alone_ = false;
};

/// SentencePiece's messages begin with its source line and the condition that failed: "Internal: ./src/x.cc(660) [a == b] what it means".
std::string reason(const sentencepiece::util::Status& status) {
  const std::string text = status.ToString();
  const size_t condition = text.rfind("] ");
  const std::string meaning = condition == std::string::npos ? text : text.substr(condition + 2);
  return meaning.empty() ? "it is not of SentencePiece's format" : meaning;
}

std::unique_ptr<Tokenizer> open(const std::string& model_path, std::string& error) {
  auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const auto status = processor->Load(model_path);
  if (!status.ok()) {
    error = reason(status);
    return nullptr;
  }
  return std::make_unique<SentencePieceTokenizer>(model_path, std::move(processor));
}

class LineIterator : public sentencepiece::SentenceIterator {
 public:
  explicit LineIterator(const std::vector<std::string>& lines) : lines_(lines) {}
  bool done() const override { return next_ >= lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& lines_;
  size_t next_ = 0;
};

bool train(const std::vector<std::string>& lines, int64_t vocab, std::string& model, std::string& error) {
  const std::unordered_map<std::string, std::string> options{
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(vocab)},
      {"byte_fallback", "true"},  // 256 of the pieces; a newline is one of them, so a line is never merged with the next
      {"normalization_rule_name", "identity"},
      {"remove_extra_whitespaces", "false"},
      {"add_dummy_prefix", "false"},
      {"allow_whitespace_only_pieces", "true"},
      {"split_digits", "true"},
      {"max_sentence_length", "65536"},
      {"num_threads", "1"},
      {"minloglevel", "2"},
  };
  LineIterator iterator(lines);
  const auto status = sentencepiece::SentencePieceTrainer::Train(options, &iterator, &model);
  if (!status.ok()) error = reason(status);
  return status.ok();
}

}  // namespace

extern "C" const SentencePieceModule llmrun_sentencepiece;
const SentencePieceModule llmrun_sentencepiece{open, train};

}  // namespace llmrun

#include "launcher/profile/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>

#include "engine/core/file.h"
#include "launcher/profile/text_check.h"

namespace llmrun {
namespace {

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxNodes = 10'000;
constexpr size_t kMaxComplaints = 50;  // a hostile file must not fill the screen

/// Ends the parse at once: what comes after could only cost time.
struct TooMuch {};

/// Whether the quote that `text` opens with is closed again: yaml-cpp takes the end of the file for one.
bool closes(std::string_view text) {
  const char quote = text.empty() ? '\0' : text[0];
  for (size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return true;
      ++i;  // '' stands for one quote
    }
  }
  return quote != '"' && quote != '\'';
}

/// Builds the tree from yaml-cpp's events, in which aliases and tags are still visible. Its own node tree would lose duplicate
/// keys, and a self-alias ends it with a crash.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const std::string& name, std::vector<Complaint>& complaints)
      : text_(text), name_(name), complaints_(complaints) {}

  Value take() { return std::move(root_); }
  const Place& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_marks(mark, "", anchor);
    add(Value{.place = place(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    complain("an alias (*name) is not supported", mark, "write the value out, or use 'extends'");
    add(Value{.place = place(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    refuse_marks(mark, tag, anchor);
    if (tag == "!" && !closes(text_.substr(std::min(text_.size(), static_cast<size_t>(mark.pos)))))
      complain("a quote that is never closed", mark, "close it at the end of the value");
    add(Value{.text = text, .quoted = tag == "!", .place = place(mark)});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    refuse_marks(mark, tag, anchor);
    open(Value{.kind = Value::Kind::list, .place = place(mark)});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    refuse_marks(mark, tag, anchor);
    open(Value{.kind = Value::Kind::map, .place = place(mark)});
  }
  void OnMapEnd() override { close(); }

 private:
  Place place(const YAML::Mark& mark) const { return {name_, mark.line + 1, mark.column + 1}; }

  void complain(std::string what, const Place& at, std::string hint = "", std::vector<std::string> because = {}) {
    complaints_.push_back({std::move(what), at, std::move(because), std::move(hint)});
    if (complaints_.size() >= kMaxComplaints) throw TooMuch{};
  }
  void complain(std::string what, const YAML::Mark& mark, std::string hint) { complain(std::move(what), place(mark), std::move(hint)); }

  void refuse_marks(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) complain("an anchor (&name) is not supported", mark, "write the value out, or use 'extends'");
    if (!tag.empty() && tag != "?" && tag != "!") complain(fmt::format("a tag ('{}') is not supported", tag), mark, "drop the tag");
  }

  void open(Value value) {
    if (open_.size() >= kMaxDepth) {
      complain(fmt::format("more than {} levels of nesting", kMaxDepth), value.place, kWhatFits);
      throw TooMuch{};
    }
    open_.push_back({std::move(value), {}, false, {}});
  }

  void close() {
    Value done = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(done));
  }

  /// Puts a finished node where it belongs: a key and a value in turn inside a map.
  void add(Value value) {
    if (++nodes_ > kMaxNodes) {
      complain(fmt::format("more than {} values", kMaxNodes), value.place, kWhatFits);
      throw TooMuch{};
    }
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Open& parent = open_.back(); parent.value.kind == Value::Kind::list) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.has_key) {
      parent.key = key_of(value);
      parent.has_key = true;
    } else {
      parent.has_key = false;
      add_entry(parent, std::move(value));
    }
  }

  Value::Key key_of(const Value& value) {
    if (value.kind != Value::Kind::scalar) complain("a key must be a word", value.place, kWhatFits);
    if (value.text == "<<") complain("a merge key (<<) is not supported", value.place, "use 'extends: NAME'");
    return {value.text, value.place};
  }

  struct Open {
    Value value;
    Value::Key key;
    bool has_key;
    std::unordered_map<std::string, int> lines;  // of the keys so far
  };

  void add_entry(Open& map, Value value) {
    const auto [same, fresh] = map.lines.try_emplace(map.key.text, map.key.place.line);
    if (!fresh) {
      complain(fmt::format("duplicate key '{}'", map.key.text), map.key.place, "keep one of the two",
               {fmt::format("'{}' stands in line {} already", map.key.text, same->second)});
      return;
    }
    map.value.keys.push_back(std::move(map.key));
    map.value.items.push_back(std::move(value));
  }

  std::string_view text_;
  const std::string& name_;
  std::vector<Complaint>& complaints_;
  Place start_;
  Value root_{.kind = Value::Kind::map};
  std::vector<Open> open_;
  size_t nodes_ = 0;
};

Value parse(std::string_view text, const std::string& name, std::vector<Complaint>& complaints) {
  TreeBuilder tree(text, name, complaints);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(tree);
    std::vector<Complaint> of_the_rest;
    TreeBuilder rest(text, name, of_the_rest);
    if (parser.HandleNextDocument(rest))
      complaints.push_back({"a second document is not supported", rest.start(), {}, "one file, one document"});
  } catch (const TooMuch&) {
  } catch (const YAML::Exception& failure) {
    const Place place{name, failure.mark.is_null() ? 0 : failure.mark.line + 1, failure.mark.is_null() ? 0 : failure.mark.column + 1};
    complaints.push_back({fmt::format("not YAML: {}", failure.msg),
                          place,
                          {},
                          "close brackets and quotes, quote text that has ': ' or ' #' in it, and indent by spaces"});
  }
  return tree.take();
}

}  // namespace

Value read_yaml(std::string_view text, const std::string& name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark, from a Windows editor
  std::vector<Complaint> complaints = check_text(text, name);
  Value root;
  if (complaints.empty()) root = parse(text, name, complaints);
  if (!complaints.empty()) throw Error(Exit::config, std::move(complaints));
  if (root.is_null()) root.kind = Value::Kind::map;
  return root;
}

Value read_yaml_file(const std::filesystem::path& path) { return read_yaml(read_file(path, Exit::config), path.string()); }

}  // namespace llmrun

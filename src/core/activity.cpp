#include "core/activity.h"

#include "core/nullable.h"

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr uint32_t kNull = UINT32_MAX;

// One order of members for both ways.
template <class Archive, class A>
void
Visit(Archive &archive, A &activity)
{
	archive.Number(activity.position.commit_lsn);
	archive.Number(activity.position.change_lsn);
	archive.Number(activity.position.row);
	archive.Number(activity.xid);
	archive.Number(activity.committed_at);
	archive.Number(activity.action);
	archive.Number(activity.changed_keys_known);
	archive.Number(activity.row_version);
	archive.Text(activity.entity_type);
	archive.Text(activity.entity_id);
	archive.Text(activity.organization_id);
	archive.Text(activity.old_organization_id);
	archive.Number(activity.old_organization_null);
	archive.Text(activity.tx.transaction_id);
	archive.Text(activity.tx.source_id);
	archive.Text(activity.tx.changed_field);
	archive.Text(activity.version);
	archive.Text(activity.origin);
	archive.Text(activity.annotation);
	archive.Text(activity.payload);
	archive.Text(activity.data);
	archive.Texts(activity.changed_keys);
}

class Writer
{
public:
	explicit Writer(Buffer &out)
		: out_(out)
	{}

	template <class T>
	void
	Number(const T &number)
	{
		out_.Append({reinterpret_cast<const char *>(&number), sizeof number});
	}

	void
	Text(std::string_view text)
	{
		Number(text.data() == nullptr ? kNull : static_cast<uint32_t>(text.size()));
		out_.Append(text);
	}

	void
	Texts(const std::vector<std::string_view> &texts)
	{
		Number(static_cast<uint32_t>(texts.size()));
		for (std::string_view text : texts)
			Text(text);
	}

private:
	Buffer &out_;
};

class Reader
{
public:
	explicit Reader(std::string_view &bytes)
		: bytes_(bytes)
	{}

	template <class T>
	void
	Number(T &number)
	{
		std::memcpy(&number, bytes_.data(), sizeof number);
		bytes_.remove_prefix(sizeof number);
	}

	void
	Text(std::string_view &text)
	{
		uint32_t size;
		Number(size);
		text = size == kNull ? std::string_view() : bytes_.substr(0, size);
		bytes_.remove_prefix(text.size());
	}

	void
	Texts(std::vector<std::string_view> &texts)
	{
		uint32_t count;
		Number(count);
		texts.resize(count);
		for (std::string_view &text : texts)
			Text(text);
	}

private:
	std::string_view &bytes_;
};

} // namespace

void
Activity::SetOldOrganization(std::string_view organization)
{
	bool moved = action == Action::kUpdate && !AreSame(organization, organization_id);
	old_organization_id = moved ? organization : std::string_view();
	old_organization_null = moved && organization.data() == nullptr;
}

void
Store(Buffer &out, const Activity &activity)
{
	Writer writer(out);
	Visit(writer, activity);
}

void
Load(std::string_view &bytes, Activity &activity)
{
	Reader reader(bytes);
	Visit(reader, activity);
}

Change
ChangeOf(const Activity &activity, int64_t id, std::string_view committed_at)
{
	Change change;
	change.activity_id = id;
	change.position = activity.position;
	change.committed_at = committed_at;
	change.entity_type = activity.entity_type;
	change.entity_id = activity.entity_id;
	change.organization_id = activity.organization_id;
	change.action = activity.action;
	change.changed_keys = {activity.changed_keys_known, activity.changed_keys};
	change.tx = activity.tx;
	change.version = activity.version;
	change.row_version = activity.row_version;
	change.origin = activity.origin;
	change.annotation = activity.annotation;
	return change;
}

} // namespace txsync::core

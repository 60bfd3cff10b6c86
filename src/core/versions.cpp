#include "core/versions.h"

#include "core/advance.h"
#include "core/stored_id.h"
#include "core/stored_versions.h"

#include "core/no_postgres.h"

namespace txsync::core {

std::optional<Versions>
Versions::Parse(std::string_view bytes)
{
	if (bytes.empty() || bytes.front() != kVersionsFormat)
		return std::nullopt;
	Versions versions;
	std::string_view rest = bytes.substr(1);
	if (!TakeVarint(rest, versions.row_version_) || versions.row_version_ == 0 ||
		versions.row_version_ > kMaxRowVersion)
		return std::nullopt;

	versions.ids_ = rest;
	for (IdContent content; !rest.empty() && rest.front() != '\0'; versions.id_count_++) {
		if (!TakeId(rest, content))
			return std::nullopt;
	}
	if (rest.empty())
		return std::nullopt;
	versions.ids_.remove_suffix(rest.size());
	rest.remove_prefix(1);

	Reference creator;
	if (!TakeReference(rest, creator) || creator.index > versions.id_count_)
		return std::nullopt;
	versions.creator_ = static_cast<uint32_t>(creator.index);
	if (creator.has_stamp)
		versions.created_ = creator.stamp;
	else if (creator.index != 0)
		versions.created_ = ContentOf(versions.Entry(versions.creator_ - 1)).own;

	versions.fields_ = rest;
	StoredField field;
	for (uint64_t least = 0; !rest.empty(); least = field.number + 1) {
		if (!TakeField(rest, least, field) || field.version.index >= versions.id_count_)
			return std::nullopt;
	}
	return versions;
}

Versions
Versions::Fresh(Buffer &store, std::string_view creating_id, const Stamp &created)
{
	store.Truncate(0);
	WriteFresh(store, 1, creating_id, created);
	return Parse(store.View()).value();
}

std::string_view
Versions::Entry(uint32_t index) const
{
	std::string_view rest = ids_;
	while (index-- > 0)
		TakeSoundId(rest);
	return TakeSoundId(rest);
}

std::string
Versions::Id(uint32_t index) const
{
	return TextOf(ContentOf(Entry(index)));
}

std::string
Versions::Last() const
{
	return id_count_ == 0 ? std::string() : Id(0);
}

std::string
Versions::Creator() const
{
	return creator_ == 0 ? std::string() : Id(creator_ - 1);
}

bool
Versions::Cursor::Next(Field &field)
{
	StoredField stored;
	if (rest_.empty() || !TakeField(rest_, least_, stored))
		return false;
	least_ = stored.number + 1;
	field.number = static_cast<uint32_t>(stored.number);
	field.id = static_cast<uint32_t>(stored.version.index);
	field.stamp = stored.version.has_stamp ? stored.version.stamp : ContentOf(versions_.Entry(field.id)).own;
	return true;
}

std::optional<Versions::Version>
Versions::Find(uint32_t number) const
{
	Cursor fields = Fields();
	for (Field field; fields.Next(field) && field.number <= number;) {
		if (field.number == number)
			return Version{Id(field.id), field.stamp};
	}
	return std::nullopt;
}

} // namespace txsync::core

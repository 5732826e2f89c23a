"""How mails and pages look. A picture is opened, checked and drawn anew: none rests as it came."""

import io
import re
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from apps.dunning_emails.colours import BLACK, READABLE, WHITE, contrast
from apps.dunning_emails.forms.emails import VersionedForm

COLOUR = re.compile(r"#[0-9a-f]{6}")
VISIBLE = 1.5
"""The least contrast of a button with white: below, nobody sees that there is one."""

LARGEST_UPLOAD = 2_000_000
MOST_PIXELS = 16_000_000
LOGO_BOX = (480, 160)
ICON_BOX = (128, 128)


class BrandingForm(VersionedForm):
    sender_name = forms.CharField(
        label=_("Sender name"),
        max_length=100,
        required=False,
        help_text=_("Who the emails come from. Empty: the name of your store."),
    )
    reply_to = forms.EmailField(
        label=_("Answers go to"),
        required=False,
        help_text=_("Your support address. Empty: customers cannot answer."),
    )
    postal_address = forms.CharField(
        label=_("Postal address"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Stands under every email; many countries ask for it."),
    )
    colour = forms.CharField(
        label=_("Brand colour"),
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text=_("For buttons and links. In dark mode it is made lighter where it must be."),
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        help_text=_("PNG, JPEG or WebP up to 2 MB; made smaller to fit 480 by 160."),
    )
    remove_logo = forms.BooleanField(label=_("Remove the logo"), required=False)
    icon = forms.FileField(
        label=_("Icon"),
        required=False,
        help_text=_(
            "Square, PNG, JPEG or WebP up to 2 MB; stands in the browser's tab, and beside your name "
            "where there is no logo."
        ),
    )
    remove_icon = forms.BooleanField(label=_("Remove the icon"), required=False)

    def clean_sender_name(self) -> str:
        return " ".join(self.cleaned_data["sender_name"].split())

    def clean_colour(self) -> str:
        colour = str(self.cleaned_data["colour"]).lower()
        if not COLOUR.fullmatch(colour):
            raise forms.ValidationError(gettext("Enter a colour such as #2152cc."))
        best = max(contrast(WHITE, colour), contrast(BLACK, colour))
        if best < READABLE or contrast(WHITE, colour) < VISIBLE:
            raise forms.ValidationError(
                gettext("A button in this colour cannot be seen on white. Choose a darker one.")
            )
        return colour

    def clean_logo(self) -> bytes | None:
        upload = self.cleaned_data["logo"]
        return drawn_anew(upload, box=LOGO_BOX) if upload else None

    def clean_icon(self) -> bytes | None:
        upload = self.cleaned_data["icon"]
        return drawn_anew(upload, box=ICON_BOX, square=True) if upload else None

    def changes(self) -> dict[str, Any]:
        """Return the values to keep; pictures only where they change."""
        values = super().changes()
        for name in ("logo", "icon"):
            picture, remove = values.pop(name), values.pop(f"remove_{name}")
            if picture or remove:
                values[name] = picture
        return values


def drawn_anew(upload: "UploadedFile[Any]", *, box: tuple[int, int], square: bool = False) -> bytes:
    """Return an uploaded picture as a small PNG of our own making, which fits into a box.

    `square` puts one that is not in the middle of a square.

    Raises:
        ValidationError: it is too large, or no picture we know.
    """
    if (upload.size or 0) > LARGEST_UPLOAD:
        raise forms.ValidationError(gettext("The file is larger than 2 MB."))
    try:
        with Image.open(upload, formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise forms.ValidationError(gettext("The picture has too many pixels."))
            small = picture.convert("RGBA")
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise forms.ValidationError(gettext("Choose a PNG, JPEG or WebP picture.")) from error
    small.thumbnail(box)
    if square:
        side = max(small.size)
        small = ImageOps.pad(small, (side, side), color=(0, 0, 0, 0))
    drawn = io.BytesIO()
    small.save(drawn, "PNG", optimize=True)
    return drawn.getvalue()

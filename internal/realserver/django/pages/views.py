from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from pages.models import Page


def home(request):
    page = get_object_or_404(Page, path="/")
    return HttpResponse(page.text + "\n", content_type="text/plain")


def about(request):
    return HttpResponse("No database was asked for this page.\n", content_type="text/plain")


def healthz(request):
    """Says ok as long as Python runs, as such views do."""
    return HttpResponse("ok\n", content_type="text/plain")
